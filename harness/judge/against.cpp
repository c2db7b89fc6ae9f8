// Judging a subject by what another one did.
#include <fmt/format.h>

#include <algorithm>

#include "harness/case/print.h"
#include "harness/case/vocabulary.h"
#include "harness/judge/complete.h"
#include "harness/judge/expect.h"
#include "harness/judge/judge.h"
#include "harness/judge/trees.h"

namespace ovlcheck {
namespace {

// Trees are built with times long past; later ones were made by the run (2020-01-01, seconds).
constexpr int64_t kRunsAreLaterThan = 1577836800;

bool is_of_the_run(const Json& seconds) {
  return seconds.is_number_integer() && seconds.get<int64_t>() > kRunsAreLaterThan;
}

// Members of results that say nothing about behaviour, or that differ from run to run.
bool is_identity(std::string_view member) {
  for (std::string_view name : {"ino", "dev", "fsid", "blocks", "bsize", "ctime", "btime", "inos", "next",
                                "handle", "stderr", "attributes"})
    if (member == name) return true;
  return false;
}

Json sorted(Json list) {
  std::sort(list.begin(), list.end());
  return list;
}

// The part of a result that two subjects must agree in.
Json comparable(const Step& step, const Json& value) {
  if (!value.is_object()) return Json();
  const bool of_directory = value.value("type", Json()) == "dir";
  Json kept = Json::object();
  for (const auto& [member, data] : value.items()) {
    if (is_identity(member)) continue;
    if (step.op == "statfs" && member == "type") continue;  // its magic number
    if (of_directory && (member == "size" || member == "nlink")) continue;
    const bool is_time = member == "mtime" || member == "atime";
    if (is_time && is_of_the_run(data.is_array() && !data.empty() ? data[0] : data))
      kept[member] = "the time of the run";
    else if ((member == "entries" || member == "names") && data.is_array())
      kept[member] = sorted(data);
    else
      kept[member] = data;
  }
  return kept;
}

// `tree` without what two subjects need not agree in, even over the same layers.
void forget_identities(Tree& tree) {
  tree.ino = tree.dev = 0;
  tree.atime.reset();
  tree.sparse.reset();
  tree.marks.origin.reset();
  tree.marks.impure.reset();
  tree.marks.whiteout.reset();
  if (tree.type == NodeType::directory) tree.size.reset(), tree.nlink.reset();
  if (tree.type == NodeType::symlink) tree.mode.reset();
  if (tree.type == NodeType::whiteout) {
    const Tree bare{.type = NodeType::whiteout, .trouble = tree.trouble};
    tree = bare;
  }
  tree.acl = tree.acl.value_or("");
  tree.default_acl = tree.default_acl.value_or("");
  for (auto& [name, child] : tree.children) forget_identities(child);
}

// The same of times that are of the run.
void forget_times(Tree& tree) {
  if (tree.mtime && tree.mtime->sec > kRunsAreLaterThan) tree.mtime = kTimeOfTheRun;
  for (auto& [name, child] : tree.children) forget_times(child);
}

// Turns "not mentioned" into "must be absent" for every xattr that only `observed` has.
void forbid_other_xattrs(Tree& expected, const Tree& observed) {
  for (const auto& [name, value] : observed.xattrs) expected.xattrs.try_emplace(name, std::nullopt);
  for (auto& [name, child] : expected.children)
    if (auto it = observed.children.find(name); it != observed.children.end())
      forbid_other_xattrs(child, it->second);
}

// Both have the same trouble with a node: in that they agree.
void forget_common_trouble(Tree& reference, Tree& observed) {
  if (reference.trouble == observed.trouble) reference.trouble = observed.trouble = "";
  for (auto& [name, child] : reference.children)
    if (auto it = observed.children.find(name); it != observed.children.end())
      forget_common_trouble(child, it->second);
}

std::vector<TreeDifference> compare_same(Tree& reference, Tree& observed) {
  forget_identities(reference), forget_identities(observed);
  forget_common_trouble(reference, observed);
  forbid_other_xattrs(reference, observed);
  return compare_trees(reference, observed);
}

class Agreement {
 public:
  Agreement(Outcome outcome, const Observation& seen, const Observation& reference, bool compare_upper)
      : outcome_(std::move(outcome)), seen_(seen), reference_(reference), compare_upper_(compare_upper) {}

  Outcome run(const std::vector<Step>& steps) {
    if (!seen_.mount_error.empty() || !reference_.mount_error.empty()) {
      compare_mounts();
    } else if (compare_steps(steps, seen_.steps, reference_.steps)) {
      compare_layers();
    }
    if (!outcome_.deviations.empty()) {
      outcome_.verdict = Verdict::fail;
      outcome_.reason = outcome_.at_step = outcome_.step = "";
    }
    return std::move(outcome_);
  }

 private:
  // At least one of the two was not mounted: nothing else can be compared. What they say of it is their own.
  void compare_mounts() {
    if (!seen_.mount_error.empty() && !reference_.mount_error.empty()) return;
    auto in_words = [](const std::string& error) { return error.empty() ? "the layers are mounted" : error; };
    outcome_.deviations.push_back(
        {"mount", "", in_words(reference_.mount_error), in_words(seen_.mount_error), {}});
  }

  // False if one of the two could not do a step; the outcome then says why.
  bool compare_steps(const std::vector<Step>& steps, const std::vector<StepResult>& seen,
                     const std::vector<StepResult>& reference) {
    static const StepResult kNotRun;
    static const std::vector<StepResult> kNone;
    for (size_t i = 0; i < steps.size(); ++i) {
      const StepResult& a = i < seen.size() ? seen[i] : kNotRun;
      const StepResult& b = i < reference.size() ? reference[i] : kNotRun;
      if (!a.skip.empty()) return end(Verdict::skip, a.skip, steps[i]);
      if (!b.skip.empty()) return end(Verdict::skip, "the reference cannot: " + b.skip, steps[i]);
      if (!a.ran || !b.ran)
        return end(Verdict::error, a.ran ? "the reference did not run the step" : "the step was not run",
                   steps[i]);
      if (steps[i].op == "tree")
        compare_tree_step(steps[i], a, b);
      else
        compare_step(steps[i], a, b);
      for (size_t t = 0; t < steps[i].tracks.size(); ++t)
        if (!compare_steps(steps[i].tracks[t], t < a.tracks.size() ? a.tracks[t] : kNone,
                           t < b.tracks.size() ? b.tracks[t] : kNone))
          return false;
    }
    return true;
  }

  bool end(Verdict verdict, std::string reason, const Step& step) {
    outcome_.verdict = verdict;
    outcome_.reason = std::move(reason);
    outcome_.at_step = step.where;
    outcome_.step = describe(step);
    return false;
  }

  void compare_step(const Step& step, const StepResult& seen, const StepResult& reference) {
    const StepResult a{.error = seen.error, .value = comparable(step, seen.value)};
    const StepResult b{.error = reference.error, .value = comparable(step, reference.value)};
    if (a.error == b.error && (a.error != 0 || same_json(a.value, b.value))) return;
    outcome_.deviations.push_back({step.where, describe(step), in_words(b), in_words(a), {}});
  }

  void compare_tree_step(const Step& step, const StepResult& seen, const StepResult& reference) {
    if (seen.error != 0 || reference.error != 0) return compare_step(step, seen, reference);
    const Json& layer = step.args.at("tree");
    if (layer == "merged" || (layer == "upper" && compare_upper_))
      compare(tree_from_json(reference.value, step.where), tree_from_json(seen.value, step.where), step.where,
              describe(step));
  }

  void compare_layers() {
    auto seen = seen_.trees.find("merged"), reference = reference_.trees.find("merged");
    const bool has_seen = seen != seen_.trees.end(), has_reference = reference != reference_.trees.end();
    if (has_seen != has_reference) {
      outcome_.verdict = Verdict::error;
      outcome_.reason = has_seen ? "merged was not looked at on the reference" : "merged was not looked at";
      return;
    }
    if (has_seen) compare(reference->second, seen->second, "after merged", "");
    // A subject that keeps no layers has no upper.
    seen = seen_.trees.find("upper"), reference = reference_.trees.find("upper");
    if (compare_upper_ && seen != seen_.trees.end() && reference != reference_.trees.end())
      compare(reference->second, seen->second, "after upper", "");
  }

  void compare(Tree expected, Tree observed, const std::string& where, const std::string& step) {
    auto differences = compare_snapshots(expected, observed);
    if (!differences.empty())
      outcome_.deviations.push_back({where, step, "the same as the reference", "", std::move(differences)});
  }

  Outcome outcome_;
  const Observation& seen_;
  const Observation& reference_;
  const bool compare_upper_;
};

}  // namespace

std::vector<TreeDifference> compare_snapshots(Tree& reference, Tree& observed) {
  forget_times(reference), forget_times(observed);
  return compare_same(reference, observed);
}

std::vector<TreeDifference> compare_views(Tree reference, Tree observed) {
  return compare_same(reference, observed);
}

Outcome judge_against(const Case& c, const Observation& seen, const Observation& reference,
                      bool compare_upper) {
  Outcome outcome = outcome_of(c, seen);
  if (outcome.verdict != Verdict::pass) return outcome;
  if (reference.end != End::complete) {
    outcome.verdict = Verdict::skip;
    outcome.reason = "the reference did not complete: " + reference.reason;
    return outcome;
  }
  return Agreement(std::move(outcome), seen, reference, compare_upper).run(c.steps);
}

}  // namespace ovlcheck
