// The adapter of `userlay`: the bundled overlay implementation, run inside the worker without any mount.
#pragma once

#include <memory>

#include "adapters/adapter.h"

namespace ovlcheck {

// `defaults`: options for cases that do not set them. Runs everywhere: outside of a user namespace with
// trusted.* marks, elsewhere with userxattr.
std::unique_ptr<Adapter> make_userlay_adapter(const Environment& environment, const Options& defaults);

}  // namespace ovlcheck
