// What can be said against one case beyond its syntax.
#pragma once

#include <vector>

#include "harness/case/case.h"
#include "harness/case/problem.h"

namespace ovlcheck {

// Names used before they are given, unknown actors, layers, constants and errors, results that an operation
// does not have, steps where nothing is mounted, barriers nobody waits at. Pointers are in the case.
std::vector<Problem> lint_case(const Case& c);

}  // namespace ovlcheck
