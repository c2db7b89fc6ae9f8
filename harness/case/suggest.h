// Suggestions for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck {

// ` (did you mean "expect"?)` with the nearest of `known`, or "" if none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace ovlcheck
