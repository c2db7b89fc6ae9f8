// OpenPlan: the flags of open(2) and openat2(2) checked and taken apart, before any path is looked at.
#pragma once

#include <sys/types.h>

#include "harness/ops/vfs.h"

namespace ovlcheck {

struct OpenPlan {
  int flags = 0;
  mode_t mode = 0;         // of a new file, permission bits
  int access = 0;          // R_OK, W_OK: what an existing file must allow
  bool follow = false;     // a final symbolic link
  bool directory = false;  // anything else is ENOTDIR
  std::uint64_t resolve = 0;

  bool creates() const { return flags & O_CREAT; }
  bool exclusive() const { return (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL); }
  bool unnamed() const { return (flags & O_TMPFILE) == O_TMPFILE; }
  bool path_only() const { return flags & O_PATH; }
};

// The rules of openat(2) for unknown flags and superfluous modes (ignored) where nothing is asked of
// `resolve`, else those of openat2(2) (EINVAL).
Sys<OpenPlan> plan_open(const open_how& how);

}  // namespace ovlcheck
