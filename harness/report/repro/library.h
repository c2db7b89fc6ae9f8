// The Python functions that scripts are made of, as text, by section (python/*.py).
#pragma once

#include <set>
#include <string>

namespace ovlcheck {

// The named sections and all they need, in the order of the library. A section begins with "#: NAME" or
// "#: NAME needs NAME...". Throws std::logic_error for a section that is not there.
std::string python_sections(const std::set<std::string>& names);

}  // namespace ovlcheck
