// The part of an outcome that is known without judging: how the run of the case ended.
#pragma once

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/ops/observation.h"

namespace ovlcheck {

// An outcome that passes if the observation is complete, and else says how it ended, why and at which step.
Outcome outcome_of(const Case& c, const Observation& seen);

}  // namespace ovlcheck
