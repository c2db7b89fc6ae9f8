// The clause index as a page of text: what is required, by which source, and which cases test it.
#pragma once

#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/case/clauses.h"
#include "harness/results/results.h"

namespace ovlcheck {

// Lines of at most 80 columns, grouped as the index is. Cases that one table makes are told as one with their
// number. With subjects in `run` each clause says how many of its cases passed on each, of those that were
// not skipped ("kernel 5/5"); a case without an outcome counts as one that did not pass.
std::string clause_page(const std::vector<Clause>& clauses, const std::vector<Case>& cases, const Run& run);

}  // namespace ovlcheck
