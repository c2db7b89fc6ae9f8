// Words that several parts of a told case share.
#pragma once

#include <string>

#include "harness/case/json.h"

namespace ovlcheck {

// Is it {"if": CONDITION, "then": ..., "else": ...}?
bool is_conditional(const Json& json);
// "redirect_dir is on or follow and the kernel is >=5.11".
std::string condition_in_words(const Json& condition);

}  // namespace ovlcheck
