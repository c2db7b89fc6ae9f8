// The system calls userlay makes, on objects named by a directory descriptor and one path component.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/userspace/userlay/fd.h"
#include "adapters/userspace/userlay/userlay.h"

namespace userlay {

// `tl::unexpected` with the current errno, or with another result's error.
inline tl::unexpected<int> last_error() {
  return tl::unexpected(errno);
}
template <class T>
tl::unexpected<int> forward(const Result<T>& result) {
  return tl::unexpected(result.error());
}
inline Result<void> ok_or_errno(int returned) {
  if (returned < 0) return last_error();
  return {};
}

// An object: a child of `dir`, or `dir` itself when the name is empty. Never follows a symlink in `name`.
struct At {
  FdPtr dir;
  std::string name;

  int fd() const { return dir->get(); }
  const char* c_str() const { return name.c_str(); }
  bool is_self() const { return name.empty(); }
};

namespace sys {

// The magic link to a descriptor's object, "/proc/self/fd/N".
std::string proc_path(int fd);

Result<Fd> open_at(int dir, const char* name, int flags, mode_t mode = 0);
// Opens the object itself with access-mode flags, also when it has no name any more.
Result<Fd> reopen(const At& at, int flags);
Result<struct stat> stat(const At& at);
Result<struct stat> stat(int fd);
Result<std::string> readlink(const At& at);
Result<void> chmod(const At& at, mode_t mode);
Result<void> chown(const At& at, uid_t uid, gid_t gid);
Result<void> utimes(const At& at, const timespec& atime, const timespec& mtime);
Result<void> link(const At& from, int dir, const char* name);
Result<void> rename(int from_dir, const char* from, int to_dir, const char* to, unsigned flags = 0);
Result<void> unlink(int dir, const char* name);
Result<void> rmdir(int dir, const char* name);
Result<void> mkdir(int dir, const char* name, mode_t mode);
Result<void> mknod(int dir, const char* name, mode_t mode, dev_t rdev);
Result<void> symlink(const char* target, int dir, const char* name);

Result<std::string> get_xattr(const At& at, const char* name);
Result<void> set_xattr(const At& at, const char* name, std::string_view value, int flags = 0);
Result<void> remove_xattr(const At& at, const char* name);
// Names separated (and ended) by NUL, as listxattr(2).
Result<std::string> list_xattr(const At& at);

struct RawEntry {
  std::string name;
  std::uint64_t ino;
  unsigned char type;
};
// Everything in the directory except "." and "..". E2BIG when there are more entries than `most`.
// `quiet`: without setting the directory's access time, where this process may ask for that.
Result<std::vector<RawEntry>> read_directory(const At& at, bool quiet = false, std::size_t most = SIZE_MAX);

// A local file system without surprises: its listings name all that can be looked up, and closing a file has
// nothing to report.
bool is_plain_fs(int fd);

using Uuid = std::array<unsigned char, 16>;
// The file system's UUID; nothing when the kernel cannot tell.
std::optional<Uuid> fs_uuid(int fd);

struct RawHandle {
  int type;
  std::string bytes;
};
Result<RawHandle> name_to_handle(const At& at);
// Needs CAP_DAC_READ_SEARCH; `mount` must not be an O_PATH descriptor.
Result<Fd> open_by_handle(int mount, const RawHandle& handle);

}  // namespace sys
}  // namespace userlay
