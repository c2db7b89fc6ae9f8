// Ground: mounts subjects, one after the other, over the same lower layers and fresh upper ones.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapters/adapter.h"
#include "harness/bench/userlay/rows.h"
#include "harness/ops/fd.h"

namespace ovlcheck {

class Ground {
 public:
  // In an empty directory. Makes the lower layers. Throws std::system_error.
  explicit Ground(const std::string& path);

  // Seconds per operation of the row on that subject; nothing if it does not know the row's options. Throws
  // std::runtime_error.
  std::optional<double> measure(Adapter& subject, const Row& row);

 private:
  // Empty upper, work and merged directories, and nothing left to be written to the disk.
  void clear();

  Fd dir_;
  std::string path_;
};

}  // namespace ovlcheck
