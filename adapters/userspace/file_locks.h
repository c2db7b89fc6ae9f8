// FileLocks: flock(2) and record locks of an overlay, kept by node so that they outlast a copy_up.
#pragma once

#include <fcntl.h>

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>

#include "adapters/userspace/descriptors.h"

namespace ovlcheck {

// May be used from any thread.
class FileLocks {
 public:
  // LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB EWOULDBLOCK instead of waiting. EINVAL for anything else.
  Sys<void> flock(const OpenFile& file, int operation);
  // Sets or removes a record lock without waiting: EAGAIN. Owned by the open file if `ofd`, else by the
  // process, which all actors share. `position` and `size` are for SEEK_CUR and SEEK_END.
  Sys<void> set(const OpenFile& file, const struct ::flock& lock, bool ofd, off_t position, off_t size);
  // A descriptor of this open file is closed: its own locks go, and all of the process on that node.
  void closed(const OpenFile& file);

 private:
  struct Record {
    const OpenFile* owner;  // nullptr: the process
    short type;
    off_t first, last;  // inclusive
  };
  using Flocks = std::map<const OpenFile*, int>;
  using Records = std::list<Record>;

  std::mutex mutex_;
  std::condition_variable released_;
  std::map<userlay::NodeId, Flocks> flocks_;
  std::map<userlay::NodeId, Records> records_;
};

}  // namespace ovlcheck
