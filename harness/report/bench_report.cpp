#include "harness/report/bench_report.h"

#include <fmt/format.h>

#include "harness/ops/figures.h"
#include "harness/report/xml.h"

namespace ovlcheck {
namespace {

std::string value_text(const BenchChart& chart, double value) {
  return chart.share ? fmt::format("{:.0f} %", value * 100) : duration(value);
}

const char* verdict(const BenchChart& chart) {
  return chart.borne_out ? "holds" : "not borne out";
}

std::string facts(const Bench& bench) {
  return fmt::format("Linux {} on {}, {} processors, {}, privilege {}, {}", bench.host.kernel,
                     bench.host.machine, bench.host.cpus, bench.fs, bench.privilege,
                     bench.host.date.substr(0, 10));
}

// x of every place that any series has.
std::vector<double> places_of(const BenchChart& chart) {
  std::vector<double> all;
  for (const auto& series : chart.series)
    if (series.points.size() > all.size()) {
      all.clear();
      for (const auto& point : series.points) all.push_back(point.x);
    }
  return all;
}

std::string cell(const BenchChart& chart, const BenchSeries& series, double x) {
  for (const auto& point : series.points)
    if (point.x == x) return value_text(chart, point.median());
  return "-";
}

std::string markdown_table(const BenchChart& chart) {
  std::string text = "| " + chart.axis + " |", rule = "|---|";
  for (const auto& series : chart.series) text += " " + series.subject + " |", rule += "--:|";
  text += "\n" + rule + "\n";
  for (const double x : places_of(chart)) {
    text += "| " + place_name(chart, x) + " |";
    for (const auto& series : chart.series) text += " " + cell(chart, series, x) + " |";
    text += "\n";
  }
  return text;
}

std::string html_table(const BenchChart& chart) {
  std::string text = "<table><thead><tr><th>" + xml_escaped(chart.axis) + "</th>";
  for (const auto& series : chart.series) text += "<th>" + xml_escaped(series.subject) + "</th>";
  text += "</tr></thead><tbody>";
  for (const double x : places_of(chart)) {
    text += "<tr><th>" + xml_escaped(place_name(chart, x)) + "</th>";
    for (const auto& series : chart.series) text += "<td>" + cell(chart, series, x) + "</td>";
    text += "</tr>";
  }
  return text + "</tbody></table>";
}

// Breaks `text` at blanks so that no line is longer than 80 columns, each after `indent`.
std::string wrapped(const std::string& text, const std::string& indent) {
  std::string all, line = indent;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (line.size() > indent.size() && line.size() + 1 + (end - at) > 80) all += line + "\n", line = indent;
    if (line.size() > indent.size()) line += ' ';
    line += text.substr(at, end - at);
    at = end + 1;
  }
  return all + line + "\n";
}

constexpr const char* kPage = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Overlay storage, measured</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { font-size: 1.05rem; margin: 2.5rem 0 .3rem; } .facts, details { color: GrayText; font-size: .9rem; }
  .verdict { font-size: .8rem; border: 1px solid; border-radius: 1em; padding: 0 .6em; margin-left: .4em; white-space: nowrap; }
  .holds { color: #1a7f37; } .not { color: #bc4c00; }
  svg { max-width: 100%; height: auto; } table { border-collapse: collapse; font-size: .85rem; }
  th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); } th:first-child { text-align: left; }
  div.wide { overflow-x: auto; }
  @media (prefers-color-scheme: dark) { .holds { color: #3fb950; } .not { color: #f0883e; } }
</style></head><body>
<h1>Overlay storage, measured</h1>
)";

}  // namespace

std::string bench_markdown(const Bench& bench) {
  std::string text = "# Overlay storage, measured\n\n" + facts(bench) +
                     ". Medians; all subjects by turns in one run.\n\n| claim | |\n|---|---|\n";
  for (const auto& chart : bench.charts) text += fmt::format("| {} | {} |\n", chart.claim, verdict(chart));
  for (const auto& chart : bench.charts)
    text += fmt::format("\n## {}\n\n{}: {}\n\n{}", chart.claim, verdict(chart), chart.finding,
                        markdown_table(chart));
  if (!bench.notes.empty()) text += "\n## Notes\n\n";
  for (const auto& note : bench.notes) text += "- " + note + "\n";
  return text;
}

std::string bench_html(const Bench& bench) {
  std::string text = kPage + fmt::format(
                                 "<p class=\"facts\">{}. Medians with the lowest and highest round; all "
                                 "subjects by turns in one run.</p>\n",
                                 xml_escaped(facts(bench)));
  for (const auto& chart : bench.charts)
    text += fmt::format(
        "<section id=\"{0}\"><h2>{1} <span class=\"verdict {2}\">{3}</span></h2><p>{4}</p>\n<div "
        "class=\"wide\">{5}</div>\n<details><summary>figures</summary><div "
        "class=\"wide\">{6}</div></details></section>\n",
        chart.id, xml_escaped(chart.claim), chart.borne_out ? "holds" : "not", verdict(chart),
        xml_escaped(chart.finding), bench_svg(chart), html_table(chart));
  if (!bench.notes.empty()) text += "<h2>Notes</h2><ul>";
  for (const auto& note : bench.notes) text += "<li>" + xml_escaped(note) + "</li>";
  if (!bench.notes.empty()) text += "</ul>";
  return text + "</body></html>\n";
}

std::string bench_text(const Bench& bench) {
  std::string text;
  for (const auto& chart : bench.charts)
    text += wrapped(fmt::format("[{}] {}", verdict(chart), chart.claim), "") +
            wrapped(chart.finding, "    ") + "\n";
  for (const auto& note : bench.notes) text += wrapped("note: " + note, "");
  return text;
}

}  // namespace ovlcheck
