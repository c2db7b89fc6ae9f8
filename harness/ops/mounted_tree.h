// MountedTree: what a Vfs offers beside its operations if it is a real mount of this kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/ops/vfs.h"

namespace ovlcheck {

// Asked for with dynamic_cast: a Vfs that is not one cannot do these.
class MountedTree {
 public:
  virtual ~MountedTree() = default;

  // From the start of both; how many bytes are shared now. EBADE: they differ.
  virtual Sys<size_t> dedupe(int from, int to, size_t size) = 0;
  virtual Sys<void> fadvise(int fd, int advice) = 0;
  // The options that an overlay shows in /proc/self/mountinfo, but its layers; kNotOffered if it is none.
  virtual Sys<std::vector<std::string>> mount_options(const At& at) = 0;
  // The whole mount, while it is in use.
  virtual Sys<void> reconfigure(bool read_only) = 0;
};

// What /proc/self/mountinfo shows of the overlay with that mount id, but its layers; kNotOffered if it is no
// overlay, ENOENT if there is no such mount.
Sys<std::vector<std::string>> overlay_options(uint64_t id);

}  // namespace ovlcheck
