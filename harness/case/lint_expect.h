// What can be said against the expectation of one step.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/case/json.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {

// Results that earlier steps have given a name: name -> the operation they are of.
using Results = std::map<std::string, const Operation*>;
using Tell = std::function<void(const std::string& pointer, const std::string& message)>;

// Unknown error names, result members and relations, references to unknown names.
void lint_expectation(const Json& expect, const Operation& operation, const Results& results,
                      const std::string& pointer, const Tell& tell);

// May a step that expects this succeed?
bool may_succeed(const Json& expect);

}  // namespace ovlcheck
