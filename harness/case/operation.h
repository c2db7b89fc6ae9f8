// Finding the operation in a step's JSON.
#pragma once

#include <vector>

#include "harness/case/json.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {

// The operations that members of this object name: exactly one in a step as it should be. A name that is
// also a member of another operation found ("tree" of "offline") is not one. `step` must be an object.
std::vector<const Operation*> operations_in(const Json& step);

}  // namespace ovlcheck
