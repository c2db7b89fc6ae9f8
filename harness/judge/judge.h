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
  std::string fs;         // of the scratch
  bool samefs = true;     // are all layers on one file system?
};

// Judges one run of a case by its expectations and by the invariants. The first thing that keeps a step from
// being judged ends it: a step that was skipped or never ran makes the case a skip or an error, unless a
// deviation was found before it. A case that cannot be judged (it compares with a name that is not there) is
// an error too. `has_layers` false: only trees of merged are compared. The caller sets `subject`.
Outcome judge(const Case& c, const Observation& seen, const Facts& facts, bool has_layers);

// Judges it by what another subject did (`run --against`): every step result, the merged tree, and upper in
// terms of meaning (where both keep one) must agree. Left out is what has no meaning across subjects (inode
// and device numbers, blocks, sizes and link counts of directories); two times agree if both are of the run
// itself. A reference that did not complete makes it a skip. The caller sets `subject`.
Outcome judge_against(const Case& c, const Observation& seen, const Observation& reference,
                      bool compare_upper);

// Judges it by what `other` showed of the layers that the subject left (`run --exchange`): it must mount them
// if the subject itself would again, and show the same as the subject did at the end of the steps, or does
// when it mounts them anew (a mount forgets links between copies, a volume is no layer). A case in which
// nothing was mounted is a skip. The caller sets `subject`.
Outcome judge_exchange(const Case& c, const Observation& seen, const std::string& other);

// All differences of an observed tree from an expected one (see "As an expectation" in cases/README.md). Root
// path is "."; paths are in JSON's text convention. The content of a node that is expected to be a metacopy
// is not compared: it has none.
std::vector<TreeDifference> compare_trees(const Tree& expected, const Tree& observed);

// The same for two snapshots, by the rules of judge_against(); what has no meaning across subjects is taken
// out of both.
std::vector<TreeDifference> compare_snapshots(Tree& reference, Tree& observed);

// The same for two views of the same layers, which agree in their times, too.
std::vector<TreeDifference> compare_views(Tree reference, Tree observed);

}  // namespace ovlcheck
