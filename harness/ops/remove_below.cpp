#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "harness/ops/directory.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

// Cases make files immutable and directories unreadable; both must go all the same.
bool make_removable(const Fd& node) {
  unsigned flags = 0;
  if (!node || ::ioctl(node.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
  constexpr unsigned kLocked = FS_IMMUTABLE_FL | FS_APPEND_FL;
  if ((flags & kLocked) == 0) return false;
  flags &= ~kLocked;
  return ::ioctl(node.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

int unlink_node(int dir, const char* name, int flags) {
  if (::unlinkat(dir, name, flags) == 0) return 0;
  if (errno != EPERM) return errno;
  const bool freed_parent = make_removable(Fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  const bool freed = make_removable(Fd(::openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)));
  if (!freed_parent && !freed) return EPERM;
  return ::unlinkat(dir, name, flags) == 0 ? 0 : errno;
}

// What is below the directory `fd`; goes on after an error and returns the first one.
int empty(int fd) {
  const auto entries = read_directory(fd);
  if (!entries) return entries.error();
  int first = 0;
  for (const DirEntry& entry : *entries) {
    const char* name = entry.name.c_str();
    int error = EISDIR;
    if (!entry.type_known || entry.type != NodeType::directory) error = unlink_node(fd, name, 0);
    if (error == EISDIR || (error == EPERM && !entry.type_known)) {
      auto below = open_directory(fd, name);
      if (!below && below.error() == EACCES && ::fchmodat(fd, name, 0700, 0) == 0)
        below = open_directory(fd, name);
      error = below ? empty(below->get()) : below.error();
      // May be listed, but not entered.
      if (below && error == EACCES && ::fchmod(below->get(), 0700) == 0) error = empty(below->get());
      if (error == 0) error = unlink_node(fd, name, AT_REMOVEDIR);
    }
    if (error != 0 && first == 0) first = error;
  }
  return first;
}

}  // namespace

Sys<void> remove_below(int dir) {
  const auto root = open_directory(dir, ".");
  if (!root) return failed(root.error());
  const int error = empty(root->get());
  if (error != 0) return failed(error);
  return {};
}

}  // namespace ovlcheck
