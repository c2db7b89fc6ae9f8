// The FUSE requests of the userlay daemon, each answered by the library.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

namespace userlay {

// The user data of the session must be an Overlay.
const fuse_lowlevel_ops& fuse_operations();

}  // namespace userlay
