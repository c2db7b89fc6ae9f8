#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <cstring>
#include <optional>

#include "harness/ops/directory.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint64_t combine(uint64_t hash, uint64_t value) {
  return mix(hash + 0x9e3779b97f4a7c15 + value);
}

uint64_t hash_bytes(uint64_t hash, std::string_view bytes) {
  hash = combine(hash, bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash = combine(hash, word);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return combine(hash, word);
}

uint64_t hash_status(const struct statx& s, Notice notice) {
  uint64_t hash = combine(s.stx_mode, s.stx_ino);
  hash = combine(hash, uint64_t{s.stx_uid} << 32 | s.stx_gid);
  // Whiteouts are links to one file where overlayfs can (fs/overlayfs/dir.c, ovl_whiteout): their number says
  // nothing about this one.
  const bool whiteout = S_ISCHR(s.stx_mode) && s.stx_rdev_major == 0 && s.stx_rdev_minor == 0;
  const uint64_t links = notice == Notice::meaning && whiteout ? 1 : s.stx_nlink;
  hash = combine(hash, links << 32 | s.stx_mtime.tv_nsec);
  hash = combine(hash, s.stx_size);
  hash = combine(hash, static_cast<uint64_t>(s.stx_mtime.tv_sec));
  hash = combine(hash, makedev(s.stx_rdev_major, s.stx_rdev_minor));
  if (notice == Notice::meaning) return hash;
  return combine(hash, static_cast<uint64_t>(s.stx_ctime.tv_sec) << 32 | s.stx_ctime.tv_nsec);
}

constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_MTIME |
                           STATX_CTIME | STATX_INO | STATX_SIZE;

// Written by overlayfs at a mere lookup, to remember where a directory came from (fs/overlayfs/namei.c,
// ovl_fix_origin).
bool is_bookkeeping(std::string_view xattr) {
  return xattr.ends_with(".overlay.origin") || xattr.ends_with(".overlay.impure");
}

class Printer {
 public:
  explicit Printer(Notice notice) : notice_(notice) {}

  // The directory `fd` and everything below it.
  uint64_t directory(int fd) {
    struct statx status;
    if (::statx(fd, "", AT_EMPTY_PATH, kMask, &status) != 0) return error(errno);
    uint64_t hash = hash_status(status, notice_);
    const ssize_t size = ::flistxattr(fd, names_.data(), names_.size());
    hash = combine(hash, xattrs(size, [fd](const char* name, char* value, size_t room) {
                     return ::fgetxattr(fd, name, value, room);
                   }));

    // The order of entries is no property of the tree: their hashes are added up.
    uint64_t children = 0;
    alignas(dirent64) std::array<char, 4096> buffer;
    const auto all = for_each_entry(fd, buffer, [&](const dirent64& entry) {
      const std::string_view name = entry.d_name;
      if (name != "." && name != "..") children += combine(hash_bytes(0, name), child(fd, entry));
      return true;
    });
    if (!all) children += error(all.error());
    return combine(hash, children);
  }

 private:
  static uint64_t error(int number) { return mix(static_cast<uint64_t>(number) + 1); }

  uint64_t child(int dir, const dirent64& entry) {
    if (entry.d_type == DT_DIR) return subdirectory(dir, entry.d_name);
    struct statx status;
    if (::statx(dir, entry.d_name, AT_SYMLINK_NOFOLLOW, kMask, &status) != 0) return error(errno);
    if (S_ISDIR(status.stx_mode)) return subdirectory(dir, entry.d_name);
    uint64_t hash = hash_status(status, notice_);
    if (!enter(dir)) return error(errno);
    const char* name = entry.d_name;
    const ssize_t size = ::llistxattr(name, names_.data(), names_.size());
    hash = combine(hash, xattrs(size, [name](const char* attribute, char* value, size_t room) {
                     return ::lgetxattr(name, attribute, value, room);
                   }));
    if (S_ISLNK(status.stx_mode)) hash = combine(hash, target(dir, name));
    return hash;
  }

  uint64_t subdirectory(int dir, const char* name) {
    const auto below = open_directory(dir, name);
    if (!below) return error(below.error());
    const uint64_t hash = directory(below->get());
    here_ = -1;  // the descriptor's number may be used again for another directory
    return hash;
  }

  // Makes `dir` the current directory; only trees with something else than directories need that.
  bool enter(int dir) {
    if (here_ == dir) return true;
    if (!keep_) keep_.emplace();
    if (::fchdir(dir) != 0) return false;
    here_ = dir;
    return true;
  }

  template <class Get>
  uint64_t xattrs(ssize_t size, Get get) {
    if (size <= 0) return size == 0 || errno == ENOTSUP ? 0 : error(errno);
    uint64_t sum = 0;
    std::array<char, 65536>& value = values_;
    for (const char* name = names_.data(); name < names_.data() + size; name += std::strlen(name) + 1) {
      if (notice_ == Notice::meaning && is_bookkeeping(name)) continue;
      const ssize_t got = get(name, value.data(), value.size());
      const uint64_t hash = hash_bytes(1, name);
      sum +=
          got < 0 ? combine(hash, error(errno)) : hash_bytes(hash, {value.data(), static_cast<size_t>(got)});
    }
    return sum;
  }

  static uint64_t target(int dir, const char* name) {
    std::array<char, PATH_MAX> buffer;
    const ssize_t size = ::readlinkat(dir, name, buffer.data(), buffer.size());
    if (size < 0) return error(errno);
    return hash_bytes(2, {buffer.data(), static_cast<size_t>(size)});
  }

  Notice notice_;
  int here_ = -1;
  std::optional<KeepCurrentDirectory> keep_;
  static thread_local std::array<char, 65536> names_, values_;
};

thread_local std::array<char, 65536> Printer::names_, Printer::values_;

}  // namespace

uint64_t fingerprint(int dir, Notice notice) {
  const auto root = open_directory(dir, ".");
  if (!root) return mix(static_cast<uint64_t>(root.error()));
  return Printer(notice).directory(root->get());
}

}  // namespace ovlcheck
