// Checks of syntax by JSON Schemas, those in cases/schema/ first of all, with messages a person can act on.
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

// The same by any other schema of this program (a valid one, whose descriptions complete "must be ...").
std::vector<Problem> check_by(const char* schema_text, const Json& json);

}  // namespace ovlcheck
