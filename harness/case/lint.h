// Lint: everything that can be said against a folder of cases without running them.
#pragma once

#include <string>
#include <vector>

#include "harness/case/problem.h"

namespace ovlcheck {

// Checks syntax, schema, tables, unique names, known operations and members, descriptors that are used before
// an `open`, names of actors, layers, errno and constants, clause ids against `clauses.json` where one lies
// in the folder.
std::vector<Problem> lint(const std::vector<std::string>& paths);

}  // namespace ovlcheck
