// Ranges: whether the kernel versions that cases name are right, and what is said to have changed really has.
#pragma once

#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/case/changes.h"
#include "harness/results/results.h"

namespace ovlcheck {

// Sections in Markdown, to follow `changes_page`. `freed`: of `ovlcheck vm --check-ranges`, in which every
// kernel ran the cases that name versions; a case is expected to fail outside its range. `run`: an ordinary
// one, for the others.
std::string ranges_page(const Run& freed, const Run& run, const std::vector<Case>& cases,
                        const std::vector<KernelChange>& changes);

}  // namespace ovlcheck
