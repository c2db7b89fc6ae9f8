// Chart: scores by group and subject on one page, as an SVG picture.
#pragma once

#include <string>

#include "harness/results/results.h"

namespace ovlcheck {

// A standalone SVG document without scripts. Rows are the suite's groups and all of them together, columns
// the subjects; a bar's length is the share of the group's cases: passed, not passed (striped), does not
// apply (outline only). The number under a bar is passed/planned.
std::string chart_report(const Run& run);

}  // namespace ovlcheck
