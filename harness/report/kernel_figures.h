// Figures of the kernel's code as the pages of kernel_code.h show them.
#pragma once

#include <string>
#include <vector>

#include "harness/report/kernel_code.h"

namespace ovlcheck {

// One line of a table of text: name, then lines, functions and branches with their per cent.
std::string figures_row(const std::string& name, const CodeFigures& figures);

// How much of what is not executed somebody explains.
struct Explained {
  Share functions, lines, branches;  // reached = explained
};
Explained count_explained(const std::vector<UnreachedFunction>& unreached);
// "Not executed: 7 functions (5 explained), ..."
std::string explained_in_words(const Explained& explained);

}  // namespace ovlcheck
