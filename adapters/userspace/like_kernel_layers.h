// The layers on which UserlayVfs is compared with the running kernel (tests only).
#pragma once

#include "harness/case/tree.h"

namespace ovlcheck::like_kernel {

struct Layers {
  Tree lower, upper;
};

// Every kind of node and link, in lower and upper; all root's own.
Layers plain_layers();
// For other users (1000, 1001): what they own, may and may not.
Layers guarded_layers();

}  // namespace ovlcheck::like_kernel
