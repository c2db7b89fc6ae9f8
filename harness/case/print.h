// Telling a case, a step or a tree in words, as `ovlcheck show` and reports do.
#pragma once

#include <string>

#include "harness/case/case.h"

namespace ovlcheck {

// "rename d -> e" ; one line, no expectation.
std::string describe(const Step& step);
// "must fail with EXDEV", "must read "hello"".
std::string describe_expectation(const Json& expect);
// One line per node, indented by two blanks per level: `d/  opaque`, `  f  "hello"  mode 0644`.
std::string describe(const Tree& tree, int indent = 0);
// The whole case as a person would tell it, in lines of at most 80 columns.
std::string describe(const Case& c);

}  // namespace ovlcheck
