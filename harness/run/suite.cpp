#include "harness/run/suite.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include "harness/judge/judge.h"
#include "harness/results/baseline.h"
#include "harness/results/casebook.h"

namespace ovlcheck {
namespace {

// Judges by what a reference subject did, as soon as both have been seen.
class Comparison {
 public:
  Comparison(std::string reference, std::function<void(Outcome)> emit)
      : reference_(std::move(reference)), emit_(std::move(emit)) {}

  void add(const Outcome& outcome, const Case& c, std::optional<Observation> seen) {
    if (outcome.subject != reference_) {
      const auto known = references_.find(outcome.case_name);
      if (known == references_.end())
        waiting_[outcome.case_name].push_back({outcome, std::move(seen)});
      else
        emit_(compare(outcome, c, seen, known->second));
      return;
    }
    // The reference agrees with itself; what keeps it from running keeps the comparison from being made.
    Outcome own = outcome;
    if (own.verdict == Verdict::fail) own.verdict = Verdict::pass, own.deviations.clear();
    emit_(own);
    const auto& reference = references_[outcome.case_name] = {outcome, std::move(seen)};
    for (const auto& [other, its] : waiting_[outcome.case_name]) emit_(compare(other, c, its, reference));
    waiting_.erase(outcome.case_name);
  }

 private:
  using Seen = std::pair<Outcome, std::optional<Observation>>;

  Outcome compare(const Outcome& outcome, const Case& c, const std::optional<Observation>& seen,
                  const Seen& reference) const {
    Outcome compared = outcome;
    if (!seen || seen->end != End::complete) return compared;
    compared.deviations.clear();
    if (!reference.second || reference.second->end != End::complete) {
      compared.verdict = Verdict::skip;
      compared.reason = reference_ + " did not run it: " + reference.first.reason;
      return compared;
    }
    Outcome judged = judge_against(c, *seen, *reference.second, true);
    compared.verdict = judged.verdict;
    compared.reason = judged.reason;
    compared.at_step = judged.at_step;
    compared.step = judged.step;
    compared.deviations = std::move(judged.deviations);
    return compared;
  }

  std::string reference_;
  std::function<void(Outcome)> emit_;
  std::map<std::string, Seen> references_;
  std::map<std::string, std::vector<Seen>> waiting_;
};

// Outcomes arrive as workers finish; stored runs shall not depend on that.
void sort_outcomes(Run& run, const PoolRequest& request) {
  std::map<std::string, size_t> subjects;
  for (const auto& subject : request.subjects) subjects.emplace(subject.name, subjects.size());
  // In place, as there may be very many; repeats of a case are told apart by nothing but their end.
  std::sort(run.outcomes.begin(), run.outcomes.end(), [&](const Outcome& a, const Outcome& b) {
    return std::tie(subjects[a.subject], a.case_name, a.verdict) <
           std::tie(subjects[b.subject], b.case_name, b.verdict);
  });
  std::stable_sort(run.subjects.begin(), run.subjects.end(), [&](const SubjectInfo& a, const SubjectInfo& b) {
    return subjects[a.name] < subjects[b.name];
  });
}

// The baselines of a run's subjects, read when the subject has told its version.
class Baselines {
 public:
  explicit Baselines(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add(const SubjectInfo& subject) {
    const auto file = folder_.empty() ? std::filesystem::path() : baseline_file(folder_, subject.name);
    if (!file.empty()) known_[subject.name] = {read_baseline(file), subject};
  }
  void mark(Outcome& outcome) const {
    if (const auto found = known_.find(outcome.subject); found != known_.end())
      apply(found->second.first, found->second.second, outcome);
  }

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::pair<Baseline, SubjectInfo>> known_;
};

size_t operations_in(const std::vector<Step>& steps) {
  size_t count = 0;
  for_each_step(steps, [&count](const Step&) { ++count; });
  return count;
}

// What an interrupted run in that folder has done already.
std::vector<Outcome> earlier_outcomes(const SuiteRequest& request) {
  const auto events = request.folder / "events.jsonl";
  return request.resume && std::filesystem::exists(events) ? read_events(events) : std::vector<Outcome>{};
}

}  // namespace

SuiteResult run_suite(SuiteRequest request) {
  std::filesystem::create_directories(request.folder);
  SuiteResult result;
  result.run.outcomes = earlier_outcomes(request);
  result.run.outcomes.reserve(request.pool.cases.size() * request.pool.subjects.size() * request.pool.repeat);
  for (const auto& outcome : result.run.outcomes)
    request.pool.done.emplace(outcome.subject, outcome.case_name);
  EventLog log(request.folder / "events.jsonl", request.resume);
  result.run.host = host_info();
  result.run.suite = request.suite.cases ? request.suite : suite_info(request.pool.cases);
  request.pool.observe = !request.against.empty();

  write_casebook(request.folder / "cases.json", casebook_of(request.pool.cases, request.clauses));

  // Baselines list deviations from expectations.
  const bool by_expectations = request.against.empty() && request.pool.exchange.empty();
  Baselines baselines(by_expectations ? request.baselines : "");
  auto emit = [&](Outcome outcome) {
    baselines.mark(outcome);
    log.append(outcome);
    if (request.on_outcome) request.on_outcome(outcome);
    result.run.outcomes.push_back(std::move(outcome));
  };
  Comparison comparison(request.against, emit);
  PoolEvents events;
  events.on_subject = [&](const SubjectInfo& info) {
    baselines.add(info);
    result.run.subjects.push_back(info);
  };
  events.on_outcome = [&](const Outcome& outcome, const Case& c, std::optional<Observation> seen) {
    if (outcome.verdict == Verdict::pass || outcome.verdict == Verdict::fail)
      result.operations += operations_in(c.steps);
    if (request.against.empty())
      emit(outcome);
    else
      comparison.add(outcome, c, std::move(seen));
  };

  const auto start = std::chrono::steady_clock::now();
  result.complete = run_pool(request.pool, events);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  sort_outcomes(result.run, request.pool);
  write_results(request.folder / "results.json", result.run);
  return result;
}

bool as_expected(const Run& run, bool strict) {
  return std::none_of(run.outcomes.begin(), run.outcomes.end(), [strict](const Outcome& outcome) {
    return (deviates(outcome) && !is_known(outcome)) || (strict && is_fixed(outcome));
  });
}

}  // namespace ovlcheck
