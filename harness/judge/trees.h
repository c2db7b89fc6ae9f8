// Words for parts of trees, as differences and deviations use them.
#pragma once

#include <string>

#include "harness/case/tree.h"

namespace ovlcheck {

// A modification time that judge_against() has found to be of the run itself.
constexpr Time kTimeOfTheRun{INT64_MAX, 0};

// `"hello"`; where it is long, its size, digest and beginning.
std::string in_words(const Content& content);
// `file "hello"`, `dir`, `symlink -> t`, `char 1:3`, `whiteout`.
std::string in_words(const Tree& node);

}  // namespace ovlcheck
