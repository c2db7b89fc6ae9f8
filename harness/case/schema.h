// Checks of syntax by the JSON Schemas in cases/schema/, with messages a person can act on.
#pragma once

#include <vector>

#include "harness/case/json.h"
#include "harness/case/problem.h"

namespace ovlcheck {

// What is wrong with the syntax of a file (its cases not looked into), a case as written with a table
// ("tableCase"), an expanded case or a clause index. Pointers start at the value.
std::vector<Problem> check_file(const Json& json);
std::vector<Problem> check_table_case(const Json& json);
std::vector<Problem> check_case(const Json& json);
std::vector<Problem> check_clauses(const Json& json);

}  // namespace ovlcheck
