// Markdown: a run as a compatibility matrix for a README or a pull request.
#pragma once

#include <string>

#include "harness/results/results.h"

namespace ovlcheck {

// Host and suite, then groups x subjects; what deviates in a cell is told in its footnote, variants of one case
// (`a/b[...]`) by the first of them.
std::string markdown_report(const Run& run);

}  // namespace ovlcheck
