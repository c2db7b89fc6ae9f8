#include "harness/results/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "harness/case/problem.h"
#include "harness/ops/figures.h"

namespace ovlcheck {
namespace {

constexpr int kFormat = 1;
constexpr const char* kFile = "bench.json";

Json json_from_chart(const BenchChart& chart) {
  Json json = {{"id", chart.id},           {"claim", chart.claim},         {"axis", chart.axis},
               {"unit", chart.unit},       {"places", chart.places},       {"share", chart.share},
               {"finding", chart.finding}, {"borne_out", chart.borne_out}, {"series", Json::array()}};
  for (const auto& series : chart.series) {
    Json points = Json::array();
    for (const auto& point : series.points) points.push_back({{"x", point.x}, {"values", point.values}});
    json["series"].push_back({{"subject", series.subject}, {"points", points}});
  }
  return json;
}

BenchChart chart_from_json(const Json& json) {
  BenchChart chart;
  json.at("id").get_to(chart.id);
  json.at("claim").get_to(chart.claim);
  json.at("axis").get_to(chart.axis);
  json.at("unit").get_to(chart.unit);
  json.at("places").get_to(chart.places);
  json.at("share").get_to(chart.share);
  json.at("finding").get_to(chart.finding);
  json.at("borne_out").get_to(chart.borne_out);
  for (const auto& one : json.at("series")) {
    BenchSeries series{one.at("subject").get<std::string>(), {}};
    for (const auto& point : one.at("points")) {
      series.points.push_back({point.at("x").get<double>(), point.at("values").get<std::vector<double>>()});
      if (series.points.back().values.empty())
        throw std::runtime_error("a point of " + chart.id + " has no values");
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

// The median at `x` relative to the kernel's (else the native directory's) there; 0 if it cannot be told.
double relative(const BenchChart& chart, const BenchSeries& series, double x, double& spread) {
  const BenchSeries* base = chart.find("kernel");
  if (!base || series.subject == "kernel") base = chart.find("native");
  if (!base || base == &series || series.subject == "native") return 0;
  const auto at = [x](const BenchSeries& of) {
    return std::find_if(of.points.begin(), of.points.end(), [x](const auto& point) { return point.x == x; });
  };
  const auto mine = at(series), theirs = at(*base);
  if (mine == series.points.end() || theirs == base->points.end() || theirs->median() <= 0) return 0;
  spread = std::max(spread, std::max(mine->spread(), theirs->spread()));
  return mine->median() / theirs->median();
}

}  // namespace

double BenchPoint::median() const {
  return ovlcheck::median(values);
}

double BenchPoint::spread() const {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double middle = median();
  return middle > 0 ? (*high - *low) / middle : 0;
}

const BenchSeries* BenchChart::find(const std::string& subject) const {
  for (const auto& one : series)
    if (one.subject == subject) return &one;
  return nullptr;
}

std::string place_name(const BenchChart& chart, double x) {
  if (!chart.places.empty()) return chart.places.at(static_cast<size_t>(x));
  return chart.unit == "bytes" ? size_in_words(x) : fmt::format("{:g}", x);
}

Json json_from_bench(const Bench& bench) {
  Json json = {{"format", kFormat},
               {"host",
                {{"kernel", bench.host.kernel},
                 {"machine", bench.host.machine},
                 {"cpus", bench.host.cpus},
                 {"date", bench.host.date}}},
               {"privilege", bench.privilege},
               {"fs", bench.fs},
               {"charts", Json::array()},
               {"notes", bench.notes}};
  for (const auto& chart : bench.charts) json["charts"].push_back(json_from_chart(chart));
  return json;
}

Bench bench_from_json(const Json& json, const std::string& file) {
  Bench bench;
  try {
    if (json.at("format") != kFormat) throw std::runtime_error("its format is not 1");
    const Json& host = json.at("host");
    host.at("kernel").get_to(bench.host.kernel);
    host.at("machine").get_to(bench.host.machine);
    host.at("cpus").get_to(bench.host.cpus);
    host.at("date").get_to(bench.host.date);
    json.at("privilege").get_to(bench.privilege);
    json.at("fs").get_to(bench.fs);
    json.at("notes").get_to(bench.notes);
    for (const auto& chart : json.at("charts")) bench.charts.push_back(chart_from_json(chart));
  } catch (const std::exception& bad) {
    throw BadCase({Problem{file, "", 0, std::string("is not a bench.json: ") + bad.what()}});
  }
  return bench;
}

void write_bench(const std::filesystem::path& folder, const Bench& bench) {
  std::filesystem::create_directories(folder);
  const auto path = folder / kFile;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << json_from_bench(bench).dump(1) << '\n';
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
}

Bench read_bench(const std::filesystem::path& folder) {
  const auto path = folder / kFile;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::system_error(errno, std::generic_category(), "cannot read " + path.string());
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return bench_from_json(Json::parse(text, nullptr, false), path.string());
}

bool holds_bench(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kFile);
}

std::vector<BenchChange> compare_bench(const Bench& earlier, const Bench& later, double tolerance) {
  std::vector<BenchChange> changes;
  for (const auto& before : earlier.charts)
    for (const auto& after : later.charts) {
      if (before.id != after.id) continue;
      for (const auto& series : before.series) {
        const BenchSeries* again = after.find(series.subject);
        if (!again) continue;
        for (const auto& point : series.points) {
          double spread = 0;
          const double old = relative(before, series, point.x, spread);
          const double now = relative(after, *again, point.x, spread);
          if (old <= 0 || now <= 0) continue;
          const double ratio = now / old, off = std::max(ratio, 1 / ratio) - 1;
          if (off > tolerance && off > spread)
            changes.push_back({before.id, series.subject, place_name(before, point.x), ratio});
        }
      }
    }
  return changes;
}

}  // namespace ovlcheck
