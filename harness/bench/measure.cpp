#include "harness/bench/measure.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "harness/bench/claims.h"
#include "harness/bench/files.h"
#include "harness/bench/spinner.h"
#include "harness/run/forked_process.h"

namespace ovlcheck {
namespace {

constexpr double kNoisy = 1.0;  // spread above which a figure is not to be trusted

std::vector<Claim> chosen(const BenchRequest& request) {
  auto claims = all_claims(request.largest);
  std::string known;
  for (const auto& claim : claims) known += (known.empty() ? "" : ", ") + claim.chart.id;
  for (const auto& id : request.only)
    if (std::none_of(claims.begin(), claims.end(), [&](const auto& claim) { return claim.chart.id == id; }))
      throw std::invalid_argument("no claim \"" + id + "\"; known are " + known);
  if (!request.only.empty())
    std::erase_if(claims, [&](const Claim& claim) {
      return std::find(request.only.begin(), request.only.end(), claim.chart.id) == request.only.end();
    });
  return claims;
}

// Inside the sandbox.
class Bencher {
 public:
  Bencher(const BenchRequest& request, const Sandbox& sandbox, int progress)
      : request_(request), sandbox_(sandbox), progress_(progress) {
    bench_.host = host_info();
    bench_.privilege = sandbox.environment().privilege;
    bench_.fs = sandbox.environment().fs;
    add_overlay("kernel");
    for (const auto& subject : request.subjects)
      if (subject != "kernel") add_overlay(subject);
    if (overlays_.empty() || overlays_.front().name != "kernel")
      throw std::runtime_error("the kernel's overlayfs cannot be mounted here: `ovlcheck doctor` says why");
  }

  Bench run() {
    make_dir(sandbox_.directory(), "bench");
    const std::string path = sandbox_.path() + "/bench";
    const Fd dir = open_directory_at(sandbox_.directory(), "bench");
    Place place(dir.get(), path);
    for (const Claim& claim : chosen(request_)) bench_.charts.push_back(measure(claim, place));
    return std::move(bench_);
  }

 private:
  void add_overlay(const std::string& name) {
    std::shared_ptr<Adapter> adapter = make_adapter(parse_subject(name), sandbox_.environment());
    if (auto why = adapter->missing(sandbox_.environment()))
      bench_.notes.push_back(name + " was not measured: " + *why);
    else
      overlays_.push_back({name, Kind::overlay, adapter, {}});
  }

  std::vector<BenchSubject> subjects_of(const Claim& claim) const {
    std::vector<BenchSubject> all;
    if (claim.native) all.push_back({"native", Kind::native, nullptr, {}});
    if (claim.volume) all.push_back({"volume", Kind::volume, overlays_.front().adapter, {}});
    for (const auto& overlay : overlays_) all.push_back(overlay);
    for (const auto& [name, options] : claim.variants)
      all.push_back({name, Kind::overlay, overlays_.front().adapter, options});
    return all;
  }

  BenchChart measure(const Claim& claim, Place& place) {
    auto subjects = subjects_of(claim);
    std::map<std::string, std::map<double, std::vector<double>>> values;
    std::map<std::string, std::string> broken;
    std::vector<std::string> order;
    for (const auto& subject : subjects) order.push_back(subject.name);
    // The first round only warms up.
    for (unsigned round = 0; round <= request_.rounds; ++round) {
      tell(progress_, {{"doing", fmt::format("{} {}/{}", claim.chart.id, round, request_.rounds)}});
      for (const double x : claim.xs)
        for (const auto& subject : subjects) {
          if (broken.contains(subject.name)) continue;
          try {
            const double value = place.measure(subject, claim.at(x));
            if (round > 0) values[subject.name][x].push_back(value);
          } catch (const std::exception& problem) {
            broken[subject.name] = problem.what();
          }
        }
      // So that nobody always comes after the same neighbour.
      std::rotate(subjects.begin(), subjects.begin() + 1, subjects.end());
    }
    BenchChart chart = claim.chart;
    size_t figures = 0, noisy = 0;
    for (const auto& name : order) {
      if (broken.contains(name)) {
        bench_.notes.push_back(fmt::format("{}: {} was not measured: {}", chart.id, name, broken[name]));
        continue;
      }
      BenchSeries series{name, {}};
      for (const auto& [x, all] : values[name]) series.points.push_back({x, all});
      for (const auto& point : series.points) {
        ++figures;
        if (point.spread() > kNoisy) ++noisy;
      }
      chart.series.push_back(std::move(series));
    }
    if (noisy > 0 && !chart.share)
      bench_.notes.push_back(
          fmt::format("{}: {} of {} figures spread by more than their median: the machine was busy", chart.id,
                      noisy, figures));
    if (chart.find("kernel")) claim.judge(chart);
    return chart;
  }

  const BenchRequest& request_;
  const Sandbox& sandbox_;
  const int progress_;
  Bench bench_;
  std::vector<BenchSubject> overlays_;
};

// In a child process: entering a sandbox is for ever.
Bench apart(const BenchRequest& request) {
  ForkedProcess process([&request](int out) {
    try {
      SandboxRequest place = request.sandbox;
      place.large = true;
      for (const auto& name : request.subjects) show_programs(place, parse_subject(name));
      Sandbox sandbox(place);
      tell(out, {{"bench", json_from_bench(Bencher(request, sandbox, out).run())}});
    } catch (const std::exception& problem) {
      tell(out, {{"failed", problem.what()}});
    }
    return 0;
  });
  Json last;
  while (process.read([&](const Json& word) {
    if (word.contains("doing") && request.on_progress) request.on_progress(word["doing"].get<std::string>());
    last = word;
  })) {
  }
  const std::string end = process.wait();
  if (last.contains("bench")) return bench_from_json(last["bench"], "what was measured");
  throw std::runtime_error(last.contains("failed") ? last["failed"].get<std::string>()
                                                   : "the measuring process ended with " + end);
}

// Adds the first write on another file system as series of that chart: "kernel on xfs".
void add_file_system(Bench& bench, BenchRequest request, const std::string& fs) {
  const auto chart = std::find_if(bench.charts.begin(), bench.charts.end(),
                                  [](const auto& one) { return one.id == "first-write"; });
  if (chart == bench.charts.end()) return;
  request.sandbox.scratch_fs = fs;
  request.only = {"first-write"};
  request.subjects.clear();
  try {
    const Bench other = apart(request);
    for (BenchSeries series : other.charts.front().series) {
      if (series.subject != "kernel") continue;
      series.subject += " on " + fs;
      chart->series.push_back(std::move(series));
    }
  } catch (const std::exception& problem) {
    bench.notes.push_back(fmt::format("first-write on {} was not measured: {}", fs, problem.what()));
  }
}

}  // namespace

Bench measure_claims(const BenchRequest& request) {
  (void)chosen(request);
  const Spinner spinner;
  Bench bench = apart(request);
  for (const auto& fs : request.reflink_fs) add_file_system(bench, request, fs);
  return bench;
}

}  // namespace ovlcheck
