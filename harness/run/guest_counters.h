// GuestCounters: what the kernel of this virtual machine has counted of its own code (CONFIG_GCOV_KERNEL).
#pragma once

#include <string>
#include <vector>

#include "adapters/vm/gcov_data.h"

namespace ovlcheck {

// Where guest_counters and faults are told. Throws std::runtime_error if this kernel has none.
void mount_debugfs();

class GuestCounters {
 public:
  // Mounts debugfs and sets all counters to zero. Throws std::runtime_error if the kernel counts nothing.
  GuestCounters();

  // {"files": [{"path": PATH in the tree the kernel was built in, "words": [...]}]}: all files, at
  // zero, as numbers of 32 bits.
  std::string files() const;
  // {"counts": [INDEX, COUNT, ...]}: what is not zero; the index runs over the counters of all files.
  std::string counts() const;
  void reset() const;

 private:
  struct File {
    std::string path;  // without the place where debugfs shows it
    GcovData zero;
  };
  std::vector<File> files_;
};

}  // namespace ovlcheck
