#include "harness/run/suite.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "harness/judge/judge.h"

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
  std::map<std::string, size_t> subjects, cases;
  for (const auto& subject : request.subjects) subjects.emplace(subject.name, subjects.size());
  for (const auto& c : request.cases) cases.emplace(c.name(), cases.size());
  auto place = [&](const Outcome& outcome) {
    return std::pair(subjects[outcome.subject], cases[outcome.case_name]);
  };
  std::stable_sort(run.outcomes.begin(), run.outcomes.end(),
                   [&](const Outcome& a, const Outcome& b) { return place(a) < place(b); });
  std::stable_sort(run.subjects.begin(), run.subjects.end(), [&](const SubjectInfo& a, const SubjectInfo& b) {
    return subjects[a.name] < subjects[b.name];
  });
}

}  // namespace

SuiteResult run_suite(SuiteRequest request) {
  std::filesystem::create_directories(request.folder);
  EventLog log(request.folder / "events.jsonl");
  SuiteResult result;
  result.run.host = host_info();
  result.run.suite = suite_info(request.pool.cases);
  request.pool.observe = !request.against.empty();

  auto emit = [&](Outcome outcome) {
    log.append(outcome);
    if (request.on_outcome) request.on_outcome(outcome);
    result.run.outcomes.push_back(std::move(outcome));
  };
  Comparison comparison(request.against, emit);
  PoolEvents events;
  events.on_subject = [&](const SubjectInfo& info) { result.run.subjects.push_back(info); };
  events.on_outcome = [&](const Outcome& outcome, const Case& c, std::optional<Observation> seen) {
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

bool as_expected(const Run& run) {
  return std::all_of(run.outcomes.begin(), run.outcomes.end(), [](const Outcome& outcome) {
    return outcome.verdict == Verdict::pass || outcome.verdict == Verdict::skip;
  });
}

}  // namespace ovlcheck
