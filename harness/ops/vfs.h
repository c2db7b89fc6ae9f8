// Vfs: the one door through which steps reach a file system - one actor's view of one mounted tree.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

// A result or a positive errno.
template <class T>
using Sys = tl::expected<T, int>;

// "This subject has no such operation": the case is skipped, not failed. Never a real errno.
constexpr int kNotOffered = -1;

inline tl::unexpected<int> failed(int error) {
  return tl::unexpected<int>(error);
}

// Where an operation starts: `dir` is a descriptor of this Vfs or AT_FDCWD. An empty path means the
// descriptor itself (as AT_EMPTY_PATH does), so chmod(At{fd}) is fchmod.
struct At {
  int dir = AT_FDCWD;
  std::string path;
};

enum class SyncKind { file, data, filesystem };  // fsync, fdatasync, syncfs

struct DirEntry {
  std::string name;
  NodeType type = NodeType::file;
  bool type_known = true;  // false: d_type was DT_UNKNOWN
  uint64_t ino = 0;
  int64_t next = 0;  // offset of the entry after it, for lseek
};

// Of a file's data, in bytes.
struct Extent {
  uint64_t offset = 0, length = 0;
};

struct FileHandle {
  int type = 0;
  std::string bytes;
};

// How a program ended.
struct ExecResult {
  int status = 0;  // exit status, or 128 + signal
  std::string out, err;
};

// Operations are named after the system calls they make and fail with their errno. The root of all paths
// is the root of the tree: no path, symbolic link or ".." leads out of it. `follow` = a final symbolic link
// is followed. Descriptors are small integers of this Vfs; those of one tree are shared by all its actors.
// Not thread-safe but that different actors may be used in different threads.
class Vfs {
 public:
  virtual ~Vfs() = default;

  // Another actor on the same tree; it must not outlive this one.
  virtual Sys<std::unique_ptr<Vfs>> act_as(const Actor& actor) = 0;
  // Makes the calling thread fit to run operations beside other threads (its own root and current directory).
  virtual Sys<void> enter_thread() { return {}; }
  // The calling thread, which entered, will run no more operations: it no longer keeps the tree busy.
  virtual void leave_thread() {}
  // Gives up whatever keeps the tree busy between operations (root, current directory); done before an
  // unmount.
  virtual void let_go() {}

  // Paths.
  virtual Sys<int> open(const At& at, const open_how& how) = 0;
  virtual Sys<struct statx> stat(const At& at, bool follow, unsigned mask) = 0;
  virtual Sys<std::string> readlink(const At& at) = 0;
  virtual Sys<void> mkdir(const At& at, mode_t mode) = 0;
  virtual Sys<void> unlink(const At& at) = 0;
  virtual Sys<void> rmdir(const At& at) = 0;
  virtual Sys<void> rename(const At& from, const At& to, unsigned flags) = 0;
  virtual Sys<void> link(const At& from, const At& to,
                         bool follow) = 0;  // from.path empty: link the descriptor
  virtual Sys<void> symlink(const std::string& target, const At& at) = 0;
  virtual Sys<void> mknod(const At& at, mode_t mode, dev_t dev) = 0;
  virtual Sys<void> chmod(const At& at, mode_t mode) = 0;
  virtual Sys<void> chown(const At& at, bool follow, uid_t uid, gid_t gid) = 0;
  virtual Sys<void> utimens(const At& at, bool follow, const timespec times[2]) = 0;
  virtual Sys<void> truncate(const At& at, uint64_t size) = 0;
  virtual Sys<void> setxattr(const At& at, bool follow, const std::string& name, std::string_view value,
                             int flags) = 0;
  virtual Sys<std::string> getxattr(const At& at, bool follow, const std::string& name) = 0;
  virtual Sys<std::vector<std::string>> listxattr(const At& at, bool follow) = 0;
  virtual Sys<void> removexattr(const At& at, bool follow, const std::string& name) = 0;
  virtual Sys<void> access(const At& at, int mode, int flags) = 0;
  virtual Sys<struct statfs> statfs(const At& at) = 0;
  virtual Sys<void> chdir(const At& at) = 0;
  virtual Sys<void> umask(mode_t mask) = 0;

  // Descriptors.
  virtual Sys<void> close(int fd) = 0;
  // `offset` set: pread/pwrite, else at the descriptor's own position.
  virtual Sys<std::string> read(int fd, size_t count, std::optional<off_t> offset) = 0;
  virtual Sys<size_t> write(int fd, std::string_view data, std::optional<off_t> offset) = 0;
  virtual Sys<off_t> lseek(int fd, off_t offset, int whence) = 0;
  virtual Sys<void> fallocate(int fd, int mode, off_t offset, off_t size) = 0;
  virtual Sys<size_t> copy_file_range(int in, std::optional<off_t> in_offset, int out,
                                      std::optional<off_t> out_offset, size_t size) = 0;
  virtual Sys<void> ficlone(int from, int to) = 0;
  // The mapping is the caller's to munmap(2).
  virtual Sys<void*> mmap(int fd, size_t size, int prot, int flags, off_t offset) = 0;
  // Up to `count` further entries, "." and ".." among them; empty at the end. Position as of lseek.
  virtual Sys<std::vector<DirEntry>> readdir(int fd, size_t count) = 0;
  virtual Sys<void> sync(int fd, SyncKind kind) = 0;
  virtual Sys<unsigned> getflags(int fd) {
    (void)fd;
    return failed(kNotOffered);
  }
  virtual Sys<void> setflags(int fd, unsigned flags) {
    (void)fd, (void)flags;
    return failed(kNotOffered);
  }
  // At both descriptors' own positions.
  virtual Sys<size_t> sendfile(int out, int in, size_t size) {
    (void)out, (void)in, (void)size;
    return failed(kNotOffered);
  }
  // Where the file's data is, each extent with its first byte and its length, in order.
  virtual Sys<std::vector<Extent>> fiemap(int fd) {
    (void)fd;
    return failed(kNotOffered);
  }
  virtual Sys<void> enable_verity(int fd) {
    (void)fd;
    return failed(kNotOffered);
  }
  virtual Sys<void> flock(int fd, int op) {
    (void)fd, (void)op;
    return failed(kNotOffered);
  }
  virtual Sys<void> fcntl_lock(int fd, const struct flock& lock, bool ofd) {
    (void)fd, (void)lock, (void)ofd;
    return failed(kNotOffered);
  }
  virtual Sys<void> lease(int fd, int type) {
    (void)fd, (void)type;
    return failed(kNotOffered);
  }

  // What only a real mount has.
  virtual Sys<FileHandle> name_to_handle(const At& at) {
    (void)at;
    return failed(kNotOffered);
  }
  virtual Sys<int> open_by_handle(const FileHandle& handle, int flags) {
    (void)handle, (void)flags;
    return failed(kNotOffered);
  }
  virtual Sys<int> inotify(const At& at, unsigned mask) {
    (void)at, (void)mask;
    return failed(kNotOffered);
  }
  virtual Sys<std::vector<std::string>> events(int fd) {
    (void)fd;
    return failed(kNotOffered);
  }
  // Executes a file of the tree itself; `args` is its whole argument vector, its name first.
  virtual Sys<ExecResult> execve(const At& at, const std::vector<std::string>& args) {
    (void)at, (void)args;
    return failed(kNotOffered);
  }
  // Runs a program of the host with the tree's root as current directory.
  virtual Sys<ExecResult> run(const std::vector<std::string>& args) {
    (void)args;
    return failed(kNotOffered);
  }
};

}  // namespace ovlcheck
