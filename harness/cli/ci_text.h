// The CI job that `init` writes; @NAME@ stands for the subject.
#pragma once

namespace ovlcheck {

extern const char* const ci_template;

}  // namespace ovlcheck
