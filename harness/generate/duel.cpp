#include "harness/generate/duel.h"

#include <stdexcept>

#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"
#include "harness/generate/lanes.h"
#include "harness/judge/invariants.h"
#include "harness/judge/judge.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/run/case_run.h"

namespace ovlcheck::generate {
namespace {

constexpr unsigned kRenewEvery = 64;  // cases per scratch tmpfs

// The step with that pointer, and what became of it on both.
struct Found {
  const Step* step = nullptr;
  int seen = 0, reference = 0;
};

Found find(const std::vector<Step>& steps, const std::vector<StepResult>& seen,
           const std::vector<StepResult>& reference, const std::string& where) {
  for (size_t i = 0; i < std::min({steps.size(), seen.size(), reference.size()}); ++i) {
    if (steps[i].where == where) return {&steps[i], seen[i].error, reference[i].error};
    const size_t tracks =
        std::min({steps[i].tracks.size(), seen[i].tracks.size(), reference[i].tracks.size()});
    for (size_t t = 0; t < tracks; ++t)
      if (auto found = find(steps[i].tracks[t], seen[i].tracks[t], reference[i].tracks[t], where); found.step)
        return found;
  }
  return {};
}

std::string in_short(int error) {
  return error == 0 ? "ok" : errno_name(error);
}

std::string signature_of(const Case& c, const Verdicts& verdicts) {
  const Outcome& outcome = verdicts.outcome;
  if (outcome.verdict != Verdict::fail) return deviates(outcome) ? verdict_name(outcome.verdict) : "";
  const Deviation& first = outcome.deviations.front();
  if (first.where.starts_with("after ")) return first.where.substr(6) + " " + kinds_of(first.tree);
  const Found found = find(c.steps, verdicts.seen.steps, verdicts.reference.steps, first.where);
  if (!found.step) return first.where;
  if (!first.tree.empty()) return found.step->op + " " + kinds_of(first.tree);
  if (found.seen == found.reference) return found.step->op + " result";
  return found.step->op + " " + in_short(found.reference) + "/" + in_short(found.seen);
}

}  // namespace

Subjects::Subjects(const std::vector<std::string>& names, const Environment& environment) {
  for (const auto& full_name : names) {
    const SubjectName name = parse_subject(full_name);
    auto adapter = make_adapter(name, environment);
    if (const auto missing = adapter->missing(environment))
      throw std::runtime_error(name.kind + " cannot run here: " + *missing);
    parties_.push_back({name, std::move(adapter), make_adapter({name.kind, {}, ""}, environment)});
  }
}

std::vector<Adapter*> Subjects::adapters() const {
  std::vector<Adapter*> all;
  for (const Party& party : parties_) all.push_back(party.adapter.get());
  return all;
}

Duel::Duel(Sandbox& sandbox, const Subjects& subjects, size_t subject, size_t reference)
    : sandbox_(sandbox),
      subject_(subjects.parties_.at(subject)),
      reference_(subjects.parties_.at(reference)),
      options_in_case_(subject_.name.options == reference_.name.options),
      options_(options_in_case_ ? reference_.name.options : Options{}) {}

Verdicts Duel::run(const Case& c) {
  Progress progress;
  Verdicts verdicts;
  const auto adapter = [&](const Subjects::Party& party) -> Adapter& {
    return options_in_case_ ? *party.bare : *party.adapter;
  };
  if (runs_++ % kRenewEvery == 0) {
    (void)go_home();
    sandbox_.renew();
  }
  verdicts.reference = run_case(c, adapter(reference_), reference_.name.kind, sandbox_, progress);
  (void)go_home();
  verdicts.seen = run_case(c, adapter(subject_), subject_.name.kind, sandbox_, progress);
  (void)go_home();
  const bool layers = adapter(subject_).has_layers() && adapter(reference_).has_layers();
  verdicts.outcome = judge_against(c, verdicts.seen, verdicts.reference, layers);
  verdicts.signature = signature_of(c, verdicts);
  return verdicts;
}

Verdicts Duel::run(const Json& case_json) {
  try {
    return run(case_from_json(case_json, "generated", ""));
  } catch (const BadCase&) {
    return {};
  }
}

}  // namespace ovlcheck::generate
