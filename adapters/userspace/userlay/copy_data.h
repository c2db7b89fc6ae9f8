// Copying a file's contents the cheapest way the file systems allow.
#pragma once

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {

struct CopiedData {
  bool cloned = false;  // shares extents with the source, nothing was written
};

// Copies the first `length` bytes of `source` to the empty file `target`. Holes stay holes; the caller sets
// the size. Uses a reflink, copy_file_range, sendfile or plain reads and writes.
Result<CopiedData> copy_data(int source, int target, off_t length);

}  // namespace userlay
