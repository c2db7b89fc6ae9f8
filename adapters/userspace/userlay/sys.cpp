#include "adapters/userspace/userlay/sys.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace userlay::sys {
namespace {

// Newer than the C library: numbers are the same on every architecture.
constexpr long kFchmodat2 = 452;
constexpr long kSetxattrat = 463;
constexpr long kGetxattrat = 464;
constexpr long kListxattrat = 465;
constexpr long kRemovexattrat = 466;

struct XattrArgs {
  std::uint64_t value;
  std::uint32_t size;
  std::uint32_t flags;
};

bool have_xattrat() {
  static const bool have = syscall(kListxattrat, -1, "x", 0, nullptr, 0) < 0 && errno != ENOSYS;
  return have;
}

std::string object_path(const At& at) {
  std::string path = proc_path(at.fd());
  if (!at.is_self()) path.append("/").append(at.name);
  return path;
}

// The *at calls for a named object; for a descriptor the f* calls, or the magic link when it is O_PATH.
ssize_t raw_get(const At& at, const char* name, char* data, std::size_t size) {
  if (at.is_self()) {
    const ssize_t got = ::fgetxattr(at.fd(), name, data, size);
    return got < 0 && errno == EBADF ? ::getxattr(proc_path(at.fd()).c_str(), name, data, size) : got;
  }
  if (!have_xattrat()) return ::lgetxattr(object_path(at).c_str(), name, data, size);
  XattrArgs args{reinterpret_cast<std::uint64_t>(data), static_cast<std::uint32_t>(size), 0};
  return syscall(kGetxattrat, at.fd(), at.c_str(), AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
}

ssize_t raw_list(const At& at, char* data, std::size_t size) {
  if (at.is_self()) {
    const ssize_t got = ::flistxattr(at.fd(), data, size);
    return got < 0 && errno == EBADF ? ::listxattr(proc_path(at.fd()).c_str(), data, size) : got;
  }
  if (!have_xattrat()) return ::llistxattr(object_path(at).c_str(), data, size);
  return syscall(kListxattrat, at.fd(), at.c_str(), AT_SYMLINK_NOFOLLOW, data, size);
}

// Runs a call that fills a buffer, first with a small one.
template <class Call>
Result<std::string> fill(Call call) {
  std::array<char, 512> small;
  ssize_t got = call(small.data(), small.size());
  if (got >= 0) return std::string(small.data(), static_cast<std::size_t>(got));
  std::string large;
  while (errno == ERANGE) {
    const ssize_t need = call(nullptr, 0);
    if (need < 0) return last_error();
    large.resize(static_cast<std::size_t>(need) + 1);
    got = call(large.data(), large.size());
    if (got < 0) continue;
    large.resize(static_cast<std::size_t>(got));
    return large;
  }
  return last_error();
}

}  // namespace

std::string proc_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

Result<Fd> open_at(int dir, const char* name, int flags, mode_t mode) {
  const int fd = ::openat(dir, name, flags | O_CLOEXEC, mode);
  if (fd < 0) return last_error();
  return Fd(fd);
}

Result<Fd> reopen(const At& at, int flags) {
  if (at.is_self()) return open_at(AT_FDCWD, proc_path(at.fd()).c_str(), flags);
  return open_at(at.fd(), at.c_str(), flags | O_NOFOLLOW);
}

Result<struct stat> stat(const At& at) {
  struct stat st;
  if (::fstatat(at.fd(), at.c_str(), &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) return last_error();
  return st;
}

Result<struct stat> stat(int fd) {
  struct stat st;
  if (::fstat(fd, &st) < 0) return last_error();
  return st;
}

Result<std::string> readlink(const At& at) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t got = ::readlinkat(at.fd(), at.c_str(), target.data(), target.size());
    if (got < 0) return last_error();
    if (static_cast<std::size_t>(got) < target.size()) {
      target.resize(static_cast<std::size_t>(got));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

Result<void> chmod(const At& at, mode_t mode) {
  const int how = at.is_self() ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (syscall(kFchmodat2, at.fd(), at.c_str(), mode, how) == 0) return {};
  if (errno != ENOSYS) return last_error();
  auto fd = at.is_self() ? Result<Fd>(Fd()) : open_at(at.fd(), at.c_str(), O_PATH | O_NOFOLLOW);
  if (!fd) return forward(fd);
  return ok_or_errno(::chmod(proc_path(at.is_self() ? at.fd() : fd->get()).c_str(), mode));
}

Result<void> chown(const At& at, uid_t uid, gid_t gid) {
  return ok_or_errno(::fchownat(at.fd(), at.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

Result<void> utimes(const At& at, const timespec& atime, const timespec& mtime) {
  const timespec times[2] = {atime, mtime};
  if (at.is_self()) {
    if (::futimens(at.fd(), times) == 0) return {};
    if (errno != EBADF) return last_error();
    return ok_or_errno(::utimensat(AT_FDCWD, proc_path(at.fd()).c_str(), times, 0));
  }
  return ok_or_errno(::utimensat(at.fd(), at.c_str(), times, AT_SYMLINK_NOFOLLOW));
}

Result<void> link(const At& from, int dir, const char* name) {
  if (from.is_self()) {
    return ok_or_errno(::linkat(AT_FDCWD, proc_path(from.fd()).c_str(), dir, name, AT_SYMLINK_FOLLOW));
  }
  return ok_or_errno(::linkat(from.fd(), from.c_str(), dir, name, 0));
}

Result<void> rename(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  return ok_or_errno(::renameat2(from_dir, from, to_dir, to, flags));
}

Result<void> unlink(int dir, const char* name) {
  return ok_or_errno(::unlinkat(dir, name, 0));
}
Result<void> rmdir(int dir, const char* name) {
  return ok_or_errno(::unlinkat(dir, name, AT_REMOVEDIR));
}
Result<void> mkdir(int dir, const char* name, mode_t mode) {
  return ok_or_errno(::mkdirat(dir, name, mode));
}
Result<void> mknod(int dir, const char* name, mode_t mode, dev_t rdev) {
  return ok_or_errno(::mknodat(dir, name, mode, rdev));
}
Result<void> symlink(const char* target, int dir, const char* name) {
  return ok_or_errno(::symlinkat(target, dir, name));
}

Result<std::string> get_xattr(const At& at, const char* name) {
  return fill([&](char* data, std::size_t size) { return raw_get(at, name, data, size); });
}

Result<void> set_xattr(const At& at, const char* name, std::string_view value, int flags) {
  if (at.is_self()) {
    if (::fsetxattr(at.fd(), name, value.data(), value.size(), flags) == 0) return {};
    if (errno != EBADF) return last_error();
    return ok_or_errno(::setxattr(proc_path(at.fd()).c_str(), name, value.data(), value.size(), flags));
  }
  if (!have_xattrat()) {
    return ok_or_errno(::lsetxattr(object_path(at).c_str(), name, value.data(), value.size(), flags));
  }
  XattrArgs args{reinterpret_cast<std::uint64_t>(value.data()), static_cast<std::uint32_t>(value.size()),
                 static_cast<std::uint32_t>(flags)};
  const long done = syscall(kSetxattrat, at.fd(), at.c_str(), AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
  return ok_or_errno(static_cast<int>(done));
}

Result<void> remove_xattr(const At& at, const char* name) {
  if (at.is_self()) return ok_or_errno(::removexattr(proc_path(at.fd()).c_str(), name));
  if (!have_xattrat()) return ok_or_errno(::lremovexattr(object_path(at).c_str(), name));
  return ok_or_errno(
      static_cast<int>(syscall(kRemovexattrat, at.fd(), at.c_str(), AT_SYMLINK_NOFOLLOW, name)));
}

Result<std::string> list_xattr(const At& at) {
  return fill([&](char* data, std::size_t size) { return raw_list(at, data, size); });
}

Result<std::vector<RawEntry>> read_directory(const At& at, bool quiet, std::size_t most) {
  const char* path = at.is_self() ? "." : at.c_str();
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  auto fd = open_at(at.fd(), path, quiet ? flags | O_NOATIME : flags);
  if (!fd && quiet && fd.error() == EPERM) fd = open_at(at.fd(), path, flags);
  if (!fd) return forward(fd);
  std::vector<RawEntry> entries;
  alignas(dirent64) std::array<char, 32768> buffer;
  for (;;) {
    const long got = syscall(SYS_getdents64, fd->get(), buffer.data(), buffer.size());
    if (got < 0) return last_error();
    if (got == 0) return entries;
    if (entries.size() > most) return tl::unexpected(E2BIG);
    for (long at_byte = 0; at_byte < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at_byte);
      at_byte += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_ino, entry->d_type});
    }
  }
}

bool is_plain_fs(int fd) {
  constexpr unsigned kXfsMagic = 0x58465342;
  constexpr unsigned kErofsMagic = 0xE0F5E1E2;
  constexpr unsigned kKnown[] = {EXT4_SUPER_MAGIC, TMPFS_MAGIC, BTRFS_SUPER_MAGIC, SQUASHFS_MAGIC,
                                 F2FS_SUPER_MAGIC, RAMFS_MAGIC, kXfsMagic,         kErofsMagic};
  struct statfs info;
  if (::fstatfs(fd, &info) < 0) return false;
  return std::find(std::begin(kKnown), std::end(kKnown), static_cast<unsigned>(info.f_type)) !=
         std::end(kKnown);
}

namespace {
union HandleBuffer {
  file_handle head;
  char room[sizeof(file_handle) + MAX_HANDLE_SZ];
};
}  // namespace

Result<RawHandle> name_to_handle(const At& at) {
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof buffer);
  buffer.head.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  const int how = at.is_self() ? AT_EMPTY_PATH : 0;
  if (::name_to_handle_at(at.fd(), at.c_str(), &buffer.head, &mount_id, how) < 0) return last_error();
  const char* bytes = buffer.room + offsetof(file_handle, f_handle);
  return RawHandle{buffer.head.handle_type, std::string(bytes, buffer.head.handle_bytes)};
}

Result<Fd> open_by_handle(int mount, const RawHandle& handle) {
  if (handle.bytes.size() > MAX_HANDLE_SZ) return tl::unexpected(EINVAL);
  HandleBuffer buffer;
  std::memset(&buffer, 0, sizeof buffer);
  buffer.head.handle_bytes = static_cast<unsigned>(handle.bytes.size());
  buffer.head.handle_type = handle.type;
  std::memcpy(buffer.room + offsetof(file_handle, f_handle), handle.bytes.data(), handle.bytes.size());
  const int fd = ::open_by_handle_at(mount, &buffer.head, O_PATH | O_CLOEXEC);
  if (fd < 0) return last_error();
  return Fd(fd);
}

}  // namespace userlay::sys
