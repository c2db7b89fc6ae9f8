// Coverage: which inputs the cases give - operations, flags, objects by type and place, and errors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/case/errnos.h"

namespace ovlcheck {

// Of one operation; all numbers count steps, but `cases`.
struct OperationCoverage {
  std::set<std::string> cases;  // that do it
  // Member ("flags") -> constant ("O_CREAT") -> how often.
  std::map<std::string, std::map<std::string, size_t>> constants;
  // What a path named when the case started: "file lower", "dir both", "nothing"; "made before" if an earlier
  // step named it too.
  std::map<std::string, size_t> objects;
  // What is expected: "ok", "any" or an errno; every branch and alternative counts.
  std::map<std::string, size_t> results;
};

// By the operation's name; every one of the vocabulary that works on files or mounts is there.
using Coverage = std::map<std::string, OperationCoverage>;

// Told from the cases alone. Steps that change layers while they are unmounted are not of the overlay and do
// not count.
Coverage coverage_of(const std::vector<Case>& cases);

// Those that no case expects and that are not explained; points into `errnos`.
std::vector<const KnownErrno*> unexplained(const Coverage& coverage, const std::vector<KnownErrno>& errnos);

// Lines of at most 80 columns.
std::string coverage_page(const Coverage& coverage, const std::vector<KnownErrno>& errnos);

}  // namespace ovlcheck
