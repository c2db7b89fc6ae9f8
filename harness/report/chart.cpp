#include "harness/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/report/matrix.h"
#include "harness/report/xml.h"

namespace ovlcheck {
namespace {

// All in user units of the picture.
constexpr double kNames = 130, kColumn = 120, kBar = 96, kRow = 34, kHead = 92, kFoot = 46, kMargin = 16;

constexpr const char* kStyle = R"(
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .facts, .count { fill: #59636e; }
  .count { font-size: 10.5px; }
  .total { font-weight: 600; }
  .all { fill: none; stroke: #8c959f; stroke-width: 1; }
  .passed { fill: #1a7f37; }
  .stripe { stroke: #bc4c00; stroke-width: 3; }
  .line { stroke: #d1d9e0; }
  .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .facts, .count { fill: #9198a1; } .all { stroke: #656c76; } .passed { fill: #3fb950; }
    .stripe { stroke: #f0883e; } .line { stroke: #3d444d; } .page { fill: #0d1117; }
  }
)";

std::string text_at(double x, double y, const std::string& text, const char* classes,
                    const char* anchor = "start") {
  return fmt::format("<text x=\"{:g}\" y=\"{:g}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y, classes,
                     anchor, xml_escaped(text));
}

// "kernel (userns)" over "6.18.5": the part before a colon or blank on the first line, options on the second.
std::pair<std::string, std::string> two_lines(const std::string& subject) {
  constexpr size_t kLine = 17;
  if (subject.size() <= kLine) return {subject, ""};
  size_t cut = subject.find_first_of(":( /");
  if (cut == std::string::npos || cut > kLine) cut = kLine;
  const std::string rest = subject.substr(cut);
  return {subject.substr(0, cut), rest.size() <= kLine ? rest : rest.substr(0, kLine - 1) + "…"};
}

std::string bar(double x, double y, const Cell& cell, size_t planned, bool total) {
  const double all = static_cast<double>(std::max<size_t>(planned, 1));
  const double passed = kBar * static_cast<double>(cell.pass) / all;
  const double failed = kBar * static_cast<double>(cell.applicable - cell.pass) / all;
  std::string drawn;
  if (passed > 0)
    drawn += fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:.1f}\" height=\"12\" class=\"passed\"/>\n", x,
                         y, passed);
  // However few they are, they can be seen.
  if (failed > 0)
    drawn +=
        fmt::format("<rect x=\"{:.1f}\" y=\"{:g}\" width=\"{:.1f}\" height=\"12\" fill=\"url(#failed)\"/>\n",
                    std::min(x + passed, x + kBar - 2), y, std::max(failed, 2.0));
  drawn +=
      fmt::format("<rect x=\"{:g}\" y=\"{:g}\" width=\"{:g}\" height=\"12\" class=\"all\"/>\n", x, y, kBar);
  return drawn +
         text_at(x, y + 23, fmt::format("{}/{}", cell.pass, planned), total ? "count total" : "count");
}

}  // namespace

std::string chart_report(const Run& run) {
  const Matrix matrix = matrix_of(run);
  const double width = 2 * kMargin + kNames + kColumn * static_cast<double>(matrix.subjects.size());
  const double height = kHead + kFoot + kRow * static_cast<double>(matrix.rows.size() + 1);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
      "height=\"{1:g}\" role=\"img\" "
      "aria-label=\"Scores by group and subject\">\n<style>{2}</style>\n<defs><pattern id=\"failed\" "
      "width=\"6\" height=\"6\" "
      "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path d=\"M1.5 0v6\" "
      "class=\"stripe\"/></pattern></defs>\n"
      "<rect width=\"100%\" height=\"100%\" class=\"page\"/>\n",
      width, height, kStyle);
  svg += text_at(kMargin, 28, "Overlay conformance by group", "title");
  svg += text_at(kMargin, 46,
                 fmt::format("{} cases, suite {}, Linux {}, {}", run.suite.cases, run.suite.revision,
                             run.host.kernel, run.host.date.substr(0, 10)),
                 "facts");
  const auto column = [](size_t i) { return kMargin + kNames + kColumn * static_cast<double>(i); };
  for (size_t i = 0; i < matrix.subjects.size(); ++i) {
    const auto [first, second] = two_lines(matrix.subjects[i]);
    svg += text_at(column(i), kHead - 26, first, "total") + text_at(column(i), kHead - 12, second, "count");
  }
  double y = kHead;
  size_t planned = 0;
  for (const auto& row : matrix.rows) {
    svg += text_at(kMargin, y + 10, row.group, "");
    for (size_t i = 0; i < row.cells.size(); ++i) svg += bar(column(i), y, row.cells[i], row.planned, false);
    planned += row.planned;
    y += kRow;
  }
  svg += fmt::format("<path d=\"M{:g} {:g}H{:g}\" class=\"line\"/>\n", kMargin, y - 5, width - kMargin);
  svg += text_at(kMargin, y + 10, "all", "total");
  for (size_t i = 0; i < matrix.totals.size(); ++i) svg += bar(column(i), y, matrix.totals[i], planned, true);
  y += kRow + 14;
  svg += fmt::format("<rect x=\"{0:g}\" y=\"{1:g}\" width=\"12\" height=\"12\" class=\"passed\"/>\n", kMargin,
                     y) +
         text_at(kMargin + 18, y + 10, "passed", "count") +
         fmt::format("<rect x=\"{0:g}\" y=\"{1:g}\" width=\"12\" height=\"12\" fill=\"url(#failed)\"/>\n",
                     kMargin + 80, y) +
         text_at(kMargin + 98, y + 10, "not passed", "count") +
         fmt::format("<rect x=\"{0:g}\" y=\"{1:g}\" width=\"12\" height=\"12\" class=\"all\"/>\n",
                     kMargin + 180, y) +
         text_at(kMargin + 198, y + 10, "does not apply or was not run", "count");
  return svg + "</svg>\n";
}

}  // namespace ovlcheck
