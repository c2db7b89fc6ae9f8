// FuseAdapter: any union filesystem that a program mounts as its descriptor says.
#pragma once

#include <memory>

#include "adapters/adapter.h"
#include "adapters/fuse/descriptor.h"
#include "adapters/fuse/fuse_mount.h"

namespace ovlcheck {

// `defaults` are mount options for cases that do not give them.
std::unique_ptr<Adapter> make_fuse_adapter(const Descriptor& descriptor, const Environment& environment,
                                           const Options& defaults, const FuseLimits& limits = {});

}  // namespace ovlcheck
