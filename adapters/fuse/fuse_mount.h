// FuseMount: a mount made by a program, and the life of that program.
#pragma once

#include <chrono>
#include <memory>

#include "adapters/adapter.h"
#include "adapters/fuse/daemon.h"
#include "adapters/fuse/descriptor.h"

namespace ovlcheck {

// How long to wait.
struct FuseLimits {
  std::chrono::milliseconds mount{10'000};   // for the mount to be there and to answer
  std::chrono::milliseconds unmount{5'000};  // for the program to end after unmounting
};

// Runs `argv` and waits until dirs.merged is a mount that answers. Fails with the errno that the program's
// words name (else EIO; ETIMEDOUT after limits.mount) and those words.
tl::expected<std::unique_ptr<Mount>, MountError> mount_by_program(const Descriptor& descriptor,
                                                                  const std::vector<std::string>& argv,
                                                                  const LayerDirs& dirs,
                                                                  const FuseLimits& limits);

}  // namespace ovlcheck
