// Layers in use: no two overlays may write to one upper or work directory.
#include "adapters/userspace/userlay/core.h"

namespace userlay {
namespace {

// The mark is a lock on the directory, which every process sees and which ends with its holder. A directory
// cannot be opened for writing, as a write lock would need, but it can be asked whether one could be had.
bool others_hold(int directory) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(directory, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

bool in_use(int directory) {
  auto fd = sys::open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  return fd && others_hold(fd->get());
}

Result<void> Core::claim(const Real& directory, Fd& claimed) {
  auto fd = sys::open_at(directory.pinned->get(), ".", O_RDONLY | O_DIRECTORY);
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  // Best effort: not every file system has locks, and not everybody may read the directory.
  if (!fd || ::fcntl(fd->get(), F_OFD_SETLK, &lock) < 0) return {};
  if (!others_hold(fd->get())) {
    claimed = std::move(*fd);
    return {};
  }
  // The kernel warns otherwise.
  return options_.index ? Result<void>(tl::unexpected(EBUSY)) : Result<void>();
}

}  // namespace userlay
