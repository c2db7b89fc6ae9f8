// execute: runs a suite for a command - progress while it runs, the report at its end, the exit status.
#pragma once

#include "harness/run/suite.h"

namespace ovlcheck {

// Returns the exit status of the command. `strict`: a known deviation that passes is a deviation too.
int execute(SuiteRequest request, bool strict);

}  // namespace ovlcheck
