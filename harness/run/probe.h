// Probe: what the subjects say of themselves on this machine, without running a case.
#pragma once

#include <vector>

#include "harness/run/pool.h"

namespace ovlcheck {

// One entry per subject of `request`, in that order; `missing` says why one cannot run.
std::vector<SubjectInfo> probe(const PoolRequest& request);

// The first line of a worker as a SubjectInfo.
SubjectInfo subject_from_hello(const std::string& name, const Json& hello);

}  // namespace ovlcheck
