#include "harness/run/floor_parts.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "adapters/adapter.h"
#include "harness/judge/judge.h"
#include "harness/results/results.h"
#include "harness/run/case_run.h"
#include "harness/run/forked_process.h"
#include "harness/run/sandbox.h"
#include "harness/run/worker.h"

namespace ovlcheck {
namespace {

// Adds the time of its life to a sum of seconds.
class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum), start_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_;
};

struct Sums {
  double discard = 0, judge = 0, protocol = 0;
};

class Parts {
 public:
  explicit Parts(const Case& c)
      : case_(c), adapter_(make_adapter({.kind = "kernel"}, sandbox_.environment())) {}

  // Throws std::runtime_error unless the case passes.
  void run(long number) {
    const Case c = asked(number);
    progress_.begin_case(number, c.name());
    const Observation seen = run_case(c, *adapter_, "kernel", sandbox_, progress_);
    progress_.end_case();
    if (const Outcome outcome = told(number, judged(c, seen)); outcome.verdict != Verdict::pass)
      throw std::runtime_error("the trivial case does not pass: " + outcome.reason);
    if ((number + 1) % kRenewEvery != 0) return;
    const Stopwatch watch(sums_.discard);
    sandbox_.renew();
  }

  // Seconds.
  Json sums() const {
    Json all = Json::array();
    for (std::size_t i = 0; i < kPartNames.size(); ++i)
      all.push_back({kPartNames[i], progress_.spent(static_cast<Part>(i))});
    all.push_back({"discard", sums_.discard});
    all.push_back({"judge", sums_.judge});
    all.push_back({"protocol", sums_.protocol});
    return all;
  }

 private:
  // The case as it arrives at a worker.
  Case asked(long number) {
    const Stopwatch watch(sums_.protocol);
    const std::string line = Json{{"request", number}, {"group", case_.group}, {"case", case_.json}}.dump();
    const Json request = Json::parse(line);
    return case_from_json(request.at("case"), request.at("group").get<std::string>(), "");
  }

  // The outcome as it arrives back.
  Outcome told(long number, const Outcome& outcome) {
    const Stopwatch watch(sums_.protocol);
    const std::string line = Json{{"request", number}, {"outcome", json_from_outcome(outcome)}}.dump();
    return outcome_from_json(Json::parse(line).at("outcome"));
  }

  Outcome judged(const Case& c, const Observation& seen) {
    const Stopwatch watch(sums_.judge);
    Outcome outcome =
        judge(c, seen, {seen.options, sandbox_.environment().kernel, seen.privilege, seen.fs}, true);
    outcome.subject = "kernel";
    outcome.case_name = c.name();
    outcome.seconds = seen.seconds;
    return outcome;
  }

  const Case& case_;
  Sandbox sandbox_{{}};
  std::unique_ptr<Adapter> adapter_;
  Progress progress_;
  Sums sums_;
};

// In a process of its own: entering a sandbox is for ever.
Json measured_apart(const Case& c, unsigned runs) {
  ForkedProcess process([&](int out) {
    try {
      Parts parts(c);
      for (unsigned i = 0; i < runs; ++i) parts.run(i);
      tell(out, {{"sums", parts.sums()}});
    } catch (const std::exception& problem) {
      tell(out, {{"failed", problem.what()}});
    }
    return 0;
  });
  Json last;
  while (process.read([&](const Json& word) { last = word; })) {
  }
  const std::string end = process.wait();
  if (last.contains("sums")) return last["sums"];
  throw std::runtime_error(last.contains("failed") ? last["failed"].get<std::string>()
                                                   : "the measuring process ended with " + end);
}

// Seconds for writing down as many passes.
double report_time(const Case& c, unsigned runs) {
  std::string name = (std::filesystem::temp_directory_path() / "ovlcheck-floor-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a directory like " + name);
  double seconds = 0;
  {
    const Stopwatch watch(seconds);
    Outcome outcome;
    outcome.subject = "kernel";
    outcome.case_name = c.name();
    outcome.title = c.title;
    outcome.clauses = c.clauses;
    EventLog log(name + "/events.jsonl");
    for (unsigned i = 0; i < runs; ++i) log.append(outcome);
    write_results(name + "/results.json",
                  {host_info(), suite_info({c}), {}, std::vector<Outcome>(runs, outcome)});
  }
  std::filesystem::remove_all(name);
  return seconds;
}

}  // namespace

std::vector<FloorPart> measure_floor_parts(const Case& c, unsigned runs) {
  std::vector<FloorPart> parts;
  for (const Json& part : measured_apart(c, runs))
    parts.push_back({part.at(0).get<std::string>(), part.at(1).get<double>() / runs * 1e6});
  parts.push_back({"report", report_time(c, runs) / runs * 1e6});
  return parts;
}

}  // namespace ovlcheck
