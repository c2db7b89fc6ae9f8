// HTML: a run as one self-contained page - scores, the matrix of all cases, every cell's details.
#pragma once

#include <string>

#include "harness/results/casebook.h"
#include "harness/results/results.h"

namespace ovlcheck {

// Needs no network and no other file. Without a casebook cells show what the outcomes alone tell.
std::string html_report(const Run& run, const Casebook& book);

}  // namespace ovlcheck
