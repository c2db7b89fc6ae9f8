// Shrink: makes a deviating case as small as it can be while it deviates in the same way.
#pragma once

#include <functional>

#include "harness/case/json.h"

namespace ovlcheck::generate {

// Leaves out steps, nodes of layers, attributes, members of steps, mount options and actors, and shortens
// data, as long as `deviates` holds; asks it at most `budget` times. `c` is an expanded case object that
// deviates.
Json shrunk(Json c, const std::function<bool(const Json&)>& deviates, unsigned budget = 600);

}  // namespace ovlcheck::generate
