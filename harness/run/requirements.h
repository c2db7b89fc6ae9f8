// Requirements: why a case cannot be run by a subject in an environment.
#pragma once

#include <optional>
#include <string>

#include "adapters/adapter.h"
#include "harness/case/case.h"

namespace ovlcheck {

// Does it need more than one user id: does it say so, or has an actor other ids than the mounter?
bool needs_uids(const Case& c);

// The reason to skip in one sentence, or nothing. `scratch` is a descriptor of the scratch directory.
std::optional<std::string> unmet_requirement(const Case& c, const Adapter& adapter,
                                             const std::string& subject_kind, const Environment& environment,
                                             int scratch);

}  // namespace ovlcheck
