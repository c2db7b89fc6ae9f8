// Markdown: a run as a compatibility matrix for a README or a pull request.
#pragma once

#include <string>

#include "harness/results/results.h"

namespace ovlcheck {

// Host and suite, then groups x subjects; what deviates in a cell is told in its footnote: by the first of the
// variants of a case (`a/b[...]`), and what a baseline lists by its reason.
std::string markdown_report(const Run& run);

}  // namespace ovlcheck
