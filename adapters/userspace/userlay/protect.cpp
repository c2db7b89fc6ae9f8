// Append-only and immutable objects: enforced here, because what overlay keeps in a mark means nothing to the
// file systems below.
#include <linux/fs.h>

#include "adapters/userspace/userlay/core.h"

namespace userlay {

int Core::protection(Node& node) {
  if (node.protection >= 0) return node.protection;
  int flags = 0;
  if (auto where = at(node)) {
    struct statx stx {};
    if (::statx(where->fd(), where->c_str(), AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) == 0) {
      if (stx.stx_attributes & STATX_ATTR_APPEND) flags |= FS_APPEND_FL;
      if (stx.stx_attributes & STATX_ATTR_IMMUTABLE) flags |= FS_IMMUTABLE_FL;
    }
    const auto kept = node.upper ? MarkReader(marks_, *where).get(Mark::kProtattr) : Result<std::string>("");
    for (const char c : kept.value_or("")) flags |= c == 'a' ? FS_APPEND_FL : c == 'i' ? FS_IMMUTABLE_FL : 0;
  }
  node.protection = flags;
  return flags;
}

// Attributes, xattrs, links.
Result<void> Core::may_change(Node& node) {
  if (protection(node)) return tl::unexpected(EPERM);
  return {};
}

// Setting times to now is still allowed on append-only files.
Result<void> Core::may_setattr_protected(Node& node, const SetAttr& change) {
  const auto now = [](const std::optional<timespec>& t) { return !t || t->tv_nsec == UTIME_NOW; };
  const bool touch =
      !change.mode && !change.uid && !change.gid && !change.size && now(change.atime) && now(change.mtime);
  if (touch && !(protection(node) & FS_IMMUTABLE_FL)) return {};
  return may_change(node);
}

Result<void> Core::may_open(Node& node, int flags) {
  const int kept = protection(node);
  if (kept & FS_IMMUTABLE_FL) return tl::unexpected(EPERM);
  if ((kept & FS_APPEND_FL) && (!(flags & O_APPEND) || (flags & O_TRUNC))) return tl::unexpected(EPERM);
  return {};
}

// Removing or renaming a child.
Result<void> Core::may_move_away(Node& parent, Node& node) {
  if (protection(parent) || protection(node)) return tl::unexpected(EPERM);
  return {};
}

Result<void> Core::may_add_to(Node& directory) {
  if (protection(directory) & FS_IMMUTABLE_FL) return tl::unexpected(EPERM);
  return {};
}

}  // namespace userlay
