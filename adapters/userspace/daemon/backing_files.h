// BackingFiles: which open files the kernel reads and writes without asking the daemon (FUSE passthrough).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {

// Only files whose data is in upper are passed through: that is where they stay. One in a lower layer is
// copied up by the next writer, and its readers must see that. The kernel wants all open files of an inode to
// be treated alike, so that an inode opened through the page cache stays there until nobody has it open.
// Thread-safe.
class BackingFiles {
 public:
  // Whether this program was configured with it.
  static bool built_in();
  // From now on, by requests on this FUSE device. It stays owned by the caller.
  void enable(int device) { device_ = device; }
  bool enabled() const { return device_ >= 0; }

  struct Opened {
    std::int32_t id = 0;     // what the kernel calls the backing file; 0: goes through the page cache
    bool keep_cache = true;  // the page cache holds what the file does
  };
  // The node was opened. `fd`: its file in upper, -1 when its data is elsewhere. Owes a closed().
  Opened opened(NodeId node, int fd);
  // One file that opened() had answered with `id` is closed.
  void closed(NodeId node, std::int32_t id);

 private:
  struct Use {
    std::int32_t id = 0;
    unsigned passed_through = 0;
    unsigned cached = 0;
  };

  std::atomic<int> device_{-1};
  bool ever_ = false;  // under mutex_, as what follows
  std::mutex mutex_;
  std::unordered_map<NodeId, Use> uses_;
};

}  // namespace userlay
