#include "harness/bench/measure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>

#include "adapters/userspace/bench/spinner.h"
#include "harness/bench/claims.h"

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

// A file system in memory that is large enough, whatever the sandbox gives.
void make_room(const std::string& path) {
  if (mount("ovlcheck-bench", path.c_str(), "tmpfs", 0, "mode=0755,size=80%") != 0)
    throw std::runtime_error(std::string("cannot mount a tmpfs: ") + std::strerror(errno));
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
    if (bench_.fs == "tmpfs") make_room(path);
    const Fd dir = open_at(sandbox_.directory(), "bench", O_RDONLY | O_DIRECTORY);
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
    for (unsigned round = 0; round < request_.rounds; ++round) {
      say(fmt::format("{} {}/{}", claim.chart.id, round + 1, request_.rounds));
      for (const double x : claim.xs)
        for (const auto& subject : subjects) {
          if (broken.contains(subject.name)) continue;
          try {
            values[subject.name][x].push_back(place.measure(subject, claim.at(x)));
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

  void say(const std::string& doing) const {
    const std::string line = Json{{"doing", doing}}.dump() + "\n";
    (void)!write(progress_, line.data(), line.size());
  }

  const BenchRequest& request_;
  const Sandbox& sandbox_;
  const int progress_;
  Bench bench_;
  std::vector<BenchSubject> overlays_;
};

// What the child says: lines of JSON.
Json in_sandbox(const BenchRequest& request, int out) {
  Json last;
  try {
    SandboxRequest place = request.sandbox;
    place.large = true;
    for (const auto& name : request.subjects) show_programs(place, parse_subject(name));
    Sandbox sandbox(place);
    last["bench"] = json_from_bench(Bencher(request, sandbox, out).run());
  } catch (const std::exception& problem) {
    last = Json{{"failed", problem.what()}};
  }
  return last;
}

// Runs the request in a child process: entering a sandbox is for ever.
Bench apart(const BenchRequest& request) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    reader.reset();
    const std::string line =
        in_sandbox(request, writer.get()).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    for (size_t done = 0; done < line.size();) {
      const ssize_t count = write(writer.get(), line.data() + done, line.size() - done);
      if (count <= 0) _exit(1);
      done += static_cast<size_t>(count);
    }
    _exit(0);
  }
  writer.reset();
  std::unique_ptr<FILE, int (*)(FILE*)> lines(fdopen(reader.release(), "r"), fclose);
  Json last;
  char* line = nullptr;
  size_t capacity = 0;
  while (getline(&line, &capacity, lines.get()) > 0) {
    last = Json::parse(line, nullptr, false);
    if (last.contains("doing") && request.on_progress) request.on_progress(last["doing"].get<std::string>());
  }
  free(line);
  (void)waitpid(child, nullptr, 0);
  if (last.is_object() && last.contains("bench")) return bench_from_json(last["bench"], "what was measured");
  throw std::runtime_error(last.is_object() && last.contains("failed") ? last["failed"].get<std::string>()
                                                                       : "the measuring process died");
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
