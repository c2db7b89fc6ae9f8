#include "harness/run/backing.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ovlcheck {
namespace {

tl::unexpected<int> failed() {
  return tl::make_unexpected(errno);
}

// Gives the file all the space there is but `free`.
tl::expected<void, int> take_all_space(int file, off_t free) {
  off_t size = 0;
  // Halving steps, since where the last blocks go is the file system's business.
  for (off_t step = off_t{1} << 30; step >= 4096;) {
    if (fallocate(file, 0, size, step) == 0)
      size += step;
    else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
      step /= 2;
    else
      return failed();
  }
  if (free > 0 && ftruncate(file, std::max<off_t>(size - free, 0)) != 0) return failed();
  return {};
}

}  // namespace

tl::expected<void, int> Backing::reconfigure(const char* key, const char* value) const {
  const Fd context(fspick(sandbox_.directory(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (!context) return failed();
  if (fsconfig(context.get(), value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) != 0 ||
      fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0)
    return failed();
  return {};
}

tl::expected<void, int> Backing::fill(off_t free) {
  if (auto restored = restore(); !restored) return restored;
  filler_ = Fd(openat(sandbox_.directory(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!filler_) return failed();
  if (sandbox_.environment().fs != "tmpfs") return take_all_space(filler_.get(), free);
  // So that it is not empty: a tmpfs of size 0 is one without a limit.
  if (pwrite(filler_.get(), "x", 1, 0) != 1) return failed();
  struct statfs info;
  if (fstatfs(sandbox_.directory(), &info) != 0) return failed();
  const auto bytes = [&](unsigned long blocks) { return blocks * static_cast<unsigned long>(info.f_bsize); };
  size_ = std::to_string(bytes(info.f_blocks));
  const unsigned long used = bytes(info.f_blocks - info.f_bfree);
  return reconfigure("size", std::to_string(used + static_cast<unsigned long>(free)).c_str());
}

tl::expected<void, int> Backing::make_read_only() {
  if (auto restored = restore(); !restored) return restored;
  if (auto done = reconfigure("ro", nullptr); !done) return done;
  read_only_ = true;
  return {};
}

tl::expected<void, int> Backing::restore() {
  if (read_only_)
    if (auto done = reconfigure("rw", nullptr); !done) return done;
  read_only_ = false;
  filler_ = Fd();
  if (!size_.empty())
    if (auto done = reconfigure("size", size_.c_str()); !done) return done;
  size_.clear();
  return {};
}

}  // namespace ovlcheck
