// Join: several stored runs side by side, as if their subjects had run in one.
#pragma once

#include <string>
#include <vector>

#include "harness/results/casebook.h"
#include "harness/results/results.h"

namespace ovlcheck {

// A run and what to call it where a subject's name alone is not enough (its folder's name).
struct LabelledRun {
  std::string label;
  Run run;
  Casebook book;
};

// One run whose subjects are those of all; a name that several runs have gets " (LABEL)", a label that
// several have a number. Host and date name those of all runs; the suite is the union of theirs.
LabelledRun join_runs(std::vector<LabelledRun> runs);

}  // namespace ovlcheck
