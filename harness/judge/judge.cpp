#include "harness/judge/judge.h"

#include <fmt/format.h>

#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/judge/complete.h"
#include "harness/judge/expect.h"
#include "harness/judge/invariants.h"

namespace ovlcheck {
namespace {

class Judging {
 public:
  Judging(const Case& c, const Observation& seen, const Facts& facts, bool has_layers)
      : case_(c), seen_(seen), has_layers_(has_layers), expectations_(facts), outcome_(outcome_of(c, seen)) {}

  Outcome run() {
    if (outcome_.verdict != Verdict::pass) return std::move(outcome_);
    try {
      if (!seen_.mount_error.empty())
        deviate({"mount", "", "the layers are mounted", seen_.mount_error, {}});
      else if (check_steps(case_.steps, seen_.steps))
        check_after();
      for (Deviation& deviation : broken_invariants(case_, seen_)) deviate(std::move(deviation));
      if (!outcome_.deviations.empty()) outcome_.verdict = Verdict::fail;
    } catch (const BadCase& e) {
      end(Verdict::error, fmt::format("the case cannot be judged: {}", e.what()), nullptr);
    } catch (const Json::exception& e) {
      end(Verdict::error, fmt::format("the observation cannot be judged: {}", e.what()), nullptr);
    }
    // What deviated before a step that could not be judged is certain.
    if (outcome_.verdict == Verdict::fail) outcome_.reason = outcome_.at_step = outcome_.step = "";
    return std::move(outcome_);
  }

 private:
  void deviate(Deviation deviation) { outcome_.deviations.push_back(std::move(deviation)); }

  void end(Verdict verdict, std::string reason, const Step* step) {
    outcome_.verdict = verdict;
    outcome_.reason = std::move(reason);
    if (!step) return;
    outcome_.at_step = step->where;
    outcome_.step = describe(*step);
  }

  // False if a step could not be judged; the outcome then says why.
  bool check_steps(const std::vector<Step>& steps, const std::vector<StepResult>& results) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (i < results.size() && !results[i].skip.empty())
        return end(Verdict::skip, results[i].skip, &step), false;
      if (i >= results.size() || !results[i].ran)
        return end(Verdict::error, "the step was not run", &step), false;
      if (!check_step(step, results[i])) return false;
    }
    return true;
  }

  bool check_step(const Step& step, const StepResult& result) {
    if (is_judged(step))
      if (auto mismatch = expectations_.check(step, result))
        deviate({step.where, describe(step), std::move(mismatch->expected), std::move(mismatch->observed),
                 std::move(mismatch->tree)});
    static const std::vector<StepResult> kNone;
    for (size_t t = 0; t < step.tracks.size(); ++t)
      if (!check_steps(step.tracks[t], t < result.tracks.size() ? result.tracks[t] : kNone)) return false;
    return true;
  }

  bool is_judged(const Step& step) const {
    return has_layers_ || step.op != "tree" || step.args.at("tree") == "merged";
  }

  void check_after() {
    const Json& after = expectations_.applicable(case_.after);
    if (!after.is_object()) return;
    for (const auto& [layer, expected] : after.items()) {
      if (!has_layers_ && layer != "merged") continue;
      auto tree = seen_.trees.find(layer);
      if (tree == seen_.trees.end())
        return end(Verdict::error, fmt::format("{} was not looked at after the steps", layer), nullptr);
      auto differences = expectations_.check_tree(expected, tree->second, "/after/" + layer);
      if (!differences.empty()) deviate({"after " + layer, "", "", "", std::move(differences)});
    }
  }

  const Case& case_;
  const Observation& seen_;
  const bool has_layers_;
  Expectations expectations_;
  Outcome outcome_;
};

const Step* find_step(const std::vector<Step>& steps, const std::string& where) {
  for (const Step& step : steps) {
    if (step.where == where) return &step;
    for (const std::vector<Step>& track : step.tracks)
      if (const Step* found = find_step(track, where)) return found;
  }
  return nullptr;
}

Verdict verdict_of(End end) {
  switch (end) {
    case End::complete:
      return Verdict::pass;
    case End::skip:
      return Verdict::skip;
    case End::timeout:
      return Verdict::timeout;
    case End::crash:
      return Verdict::crash;
    case End::error:
      return Verdict::error;
  }
  return Verdict::error;
}

}  // namespace

Outcome outcome_of(const Case& c, const Observation& seen) {
  Outcome outcome;
  outcome.case_name = c.name();
  outcome.title = c.title;
  outcome.clauses = c.clauses;
  outcome.seconds = seen.seconds;
  outcome.verdict = verdict_of(seen.end);
  if (seen.end == End::complete) return outcome;
  outcome.reason = seen.reason;
  outcome.at_step = seen.at_step;
  if (const Step* step = find_step(c.steps, seen.at_step)) outcome.step = describe(*step);
  return outcome;
}

Outcome judge(const Case& c, const Observation& seen, const Facts& facts, bool has_layers) {
  return Judging(c, seen, facts, has_layers).run();
}

}  // namespace ovlcheck
