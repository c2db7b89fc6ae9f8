// Judge: observation x expectation -> outcome; observation x observation -> differences. Pure.
#pragma once

#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/ops/observation.h"

namespace ovlcheck {

// What conditions in expectations are decided by.
struct Facts {
  Json options;           // effective mount options
  std::string kernel;     // version of the judged kernel, "" for subjects that are not the kernel (treated as
                          // the newest)
  std::string privilege;  // "root", "userns", "none"
  std::string fs;
};

// Judges one run of a case by its expectations and by the invariants.
Outcome judge(const Case& c, const Observation& seen, const Facts& facts, bool has_layers);

// Judges it by what another subject did (`run --against`): every step result, the merged tree, and upper in
// terms of meaning must agree.
Outcome judge_against(const Case& c, const Observation& seen, const Observation& reference,
                      bool compare_upper);

// All differences of an observed tree from an expected one (see "As an expectation" in cases/README.md). Root
// path is ".".
std::vector<TreeDifference> compare_trees(const Tree& expected, const Tree& observed);

}  // namespace ovlcheck
