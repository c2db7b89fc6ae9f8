// Compare: what changed from one run to another, subject by subject and case by case.
#pragma once

#include <string>
#include <vector>

#include "harness/results/results.h"

namespace ovlcheck {

enum class Change {
  regression,  // passed, deviates now
  fixed,       // deviated, passes now
  changed,     // deviates in another way
  missing,     // had an outcome, has none or a skip now
  added        // has an outcome only now
};

const char* change_name(Change change);

struct Difference {
  Change change;
  std::string subject, case_name;
  std::string before, after;  // verdicts, "" = none
  const Outcome* outcome;     // of the later run; nullptr if there is none
};

// Pairs are matched by subject and case; subjects that are in only one of the runs are left out unless each
// run has exactly one (then these two are compared). Ordered by change, subject and case. Points into
// `later`.
std::vector<Difference> compare_runs(const Run& earlier, const Run& later);

// Anything that must not happen between two runs: a regression or a missing outcome.
bool has_regressions(const std::vector<Difference>& differences);

// One run out of shards of one suite. Throws std::invalid_argument that says what does not fit: other suite
// revisions, an outcome that two shards have, cases that none has.
Run merge_runs(const std::vector<Run>& shards);

}  // namespace ovlcheck
