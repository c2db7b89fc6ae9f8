#include "adapters/userspace/daemon/backing_files.h"

#include <sys/ioctl.h>

#include <cerrno>

namespace userlay {
namespace {

// As in linux/fuse.h since 6.9.
struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);

}  // namespace

bool BackingFiles::built_in() {
  return USERLAY_PASSTHROUGH;
}

BackingFiles::Opened BackingFiles::opened(NodeId node, int fd) {
  if (!enabled()) return {};
  std::lock_guard lock(mutex_);
  Use& use = uses_[node];
  if (use.cached == 0 && use.id == 0 && fd >= 0) {
    BackingMap map{fd, 0, 0};
    const int id = ::ioctl(device_, kBackingOpen, &map);
    if (id > 0) {
      use.id = id;
      ever_ = true;
    } else if (!ever_) {
      device_ = -1;  // not for us (no CAP_SYS_ADMIN), or not for this file system (it is stacked itself)
    }
  }
  if (use.id == 0) {
    ++use.cached;
    // Where passthrough failed this time, earlier writes have gone past the page cache.
    return {0, fd < 0 || use.cached > 1 || !ever_};
  }
  ++use.passed_through;
  return {use.id, true};
}

void BackingFiles::closed(NodeId node, std::int32_t id) {
  std::lock_guard lock(mutex_);
  const auto found = uses_.find(node);
  if (found == uses_.end()) return;
  Use& use = found->second;
  --(id != 0 ? use.passed_through : use.cached);
  if (use.passed_through == 0 && use.id != 0) {
    const auto closing = static_cast<std::uint32_t>(use.id);
    // It can only fail if the kernel does not know the id, and then there is nothing to close.
    (void)::ioctl(device_, kBackingClose, &closing);
    use.id = 0;
  }
  if (use.passed_through == 0 && use.cached == 0) uses_.erase(found);
}

}  // namespace userlay
