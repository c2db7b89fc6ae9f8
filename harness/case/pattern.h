// Patterns that select cases by name.
#pragma once

#include <string>

namespace ovlcheck {

// "*" and "?" match as in a shell; brackets stand for themselves, since names of table cases have them. A
// pattern without "/" is a group's name.
bool matches_case(const std::string& pattern, const std::string& name);

}  // namespace ovlcheck
