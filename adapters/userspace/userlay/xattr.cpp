// Extended attributes and inode flags as users of the mount see them.
#include <linux/fs.h>
#include <linux/limits.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "adapters/userspace/userlay/acl.h"
#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {

// What the attribute is called in the layer: a user's overlay.* is stored as overlay.overlay.*.
Result<std::string> Core::own_name(const std::string& name) const {
  const std::string prefix(marks_.prefix());
  if (!name.starts_with(prefix) || mutant("own-xattrs-readable")) return name;
  std::string escaped = prefix + "overlay." + name.substr(prefix.size());
  if (escaped.size() > XATTR_NAME_MAX) return tl::unexpected(EOPNOTSUPP);
  return escaped;
}

Result<std::string> Core::getxattr(NodeId id, const std::string& name) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  auto real_name = own_name(name);
  if (!real_name) return real_name;
  auto where = at(**found);
  if (!where) return forward(where);
  return sys::get_xattr(*where, real_name->c_str());
}

Result<void> Core::setxattr(const Caller& caller, NodeId id, const std::string& name, std::string_view value,
                            int flags) {
  auto found = node(id);
  if (!found) return forward(found);
  auto real_name = own_name(name);
  if (!real_name) return forward(real_name);
  const bool default_acl = name == kDefaultAcl;
  if (default_acl && !(*found)->is_dir()) return tl::unexpected(EACCES);
  bool copied = false;  // another name of it, perhaps: that suffices for attributes (ovl_xattr_set)
  {
    std::shared_lock lock(tree_);
    if (auto r = may_change(**found); !r) return r;
    copied = (*found)->upper != nullptr;
  }
  if (!copied) {
    if (auto r = copy_up(*found, CopyData::kNone); !r) return r;
  }
  if (read_only_) return tl::unexpected(EROFS);
  std::shared_lock lock(tree_);
  auto where = fds_.locate((*found)->upper);
  if (!where) return forward(where);
  if (auto r =
          sys::set_xattr(*where, real_name->c_str(), value, mutant("setxattr-flags-ignored") ? 0 : flags);
      !r)
    return r;
  if (default_acl) (*found)->default_acl = -1;
  // Setting an ACL drops the set-group-ID bit unless the caller could have kept it with chmod.
  if (name != kAccessAcl || caller.has_cap(CAP_FSETID)) return {};
  auto st = sys::stat(*where);
  if (!st) return forward(st);
  if (!(st->st_mode & S_ISGID) || caller.in_group(st->st_gid)) return {};
  return sys::chmod(*where, st->st_mode & 07777 & ~static_cast<mode_t>(S_ISGID));
}

Result<void> Core::removexattr(NodeId id, const std::string& name) {
  auto found = node(id);
  if (!found) return forward(found);
  auto real_name = own_name(name);
  if (!real_name) return forward(real_name);
  if (read_only_) return tl::unexpected(EROFS);
  bool copied = false;
  {
    std::shared_lock lock(tree_);
    if (auto r = may_change(**found); !r) return r;
    // Nothing is copied up to remove what is not there.
    auto where = at(**found);
    if (!where) return forward(where);
    auto present = sys::get_xattr(*where, real_name->c_str());
    copied = (*found)->upper != nullptr;
    if (!present && !copied && !mutant("removexattr-copies-up")) return forward(present);
  }
  if (!copied) {
    if (auto r = copy_up(*found, CopyData::kNone); !r) return r;
  }
  std::shared_lock lock(tree_);
  auto where = fds_.locate((*found)->upper);
  if (!where) return forward(where);
  (*found)->default_acl = -1;
  return sys::remove_xattr(*where, real_name->c_str());
}

Result<std::vector<std::string>> Core::listxattr(const Caller& caller, NodeId id) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  auto where = at(**found);
  if (!where) return forward(where);
  auto list = sys::list_xattr(*where);
  if (!list) return forward(list);
  std::vector<std::string> names;
  for (std::size_t start = 0; start < list->size();) {
    std::string name = list->c_str() + start;
    start += name.size() + 1;
    if (marks_.is_private(name) && !mutant("own-xattrs-listed")) continue;
    if (name.starts_with("trusted.") && !caller.has_cap(CAP_SYS_ADMIN)) continue;
    if (marks_.is_escaped(name) && !mutant("escaped-xattr-listed-as-is"))
      name.erase(marks_.prefix().size(), std::string_view("overlay.").size());
    names.push_back(std::move(name));
  }
  return names;
}

Result<unsigned> Core::get_flags(NodeId id) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  if (!(*found)->is_dir() && !(*found)->is_regular()) return tl::unexpected(ENOTTY);
  auto where = at(**found);
  if (!where) return forward(where);
  auto fd = sys::reopen(*where, O_RDONLY | O_NONBLOCK);
  if (!fd) return forward(fd);
  unsigned flags = 0;
  if (::ioctl(fd->get(), FS_IOC_GETFLAGS, &flags) < 0) return last_error();
  if (!(*found)->upper) return flags;
  const std::string kept = MarkReader(marks_, *where).get(Mark::kProtattr).value_or("");
  if (kept.find('a') != std::string::npos) flags |= FS_APPEND_FL;
  if (kept.find('i') != std::string::npos) flags |= FS_IMMUTABLE_FL;
  return flags;
}

// Append-only and immutable are kept in a mark, because on upper itself they would stop ourselves.
Result<void> Core::set_flags(NodeId id, unsigned flags) {
  auto found = node(id);
  if (!found) return forward(found);
  if (!(*found)->is_dir() && !(*found)->is_regular()) return tl::unexpected(ENOTTY);
  if (read_only_) return tl::unexpected(EROFS);
  if (auto r = copy_up(*found, CopyData::kNone); !r) return r;
  std::shared_lock lock(tree_);
  auto where = fds_.locate((*found)->upper);
  if (!where) return forward(where);
  std::string kept;
  if (flags & FS_APPEND_FL) kept += 'a';
  if (flags & FS_IMMUTABLE_FL) kept += 'i';
  if (!kept.empty()) {
    if (auto r = set_mark(*where, Mark::kProtattr, kept, EPERM); !r) return r;
  } else if (auto r = sys::remove_xattr(*where, marks_[Mark::kProtattr]);
             !r && r.error() != ENODATA && r.error() != EOPNOTSUPP) {
    return r;
  }
  auto fd = sys::reopen(*where, O_RDONLY | O_NONBLOCK);
  if (!fd) return forward(fd);
  (*found)->protection = -1;
  flags &= ~static_cast<unsigned>(FS_APPEND_FL | FS_IMMUTABLE_FL);
  return ok_or_errno(::ioctl(fd->get(), FS_IOC_SETFLAGS, &flags));
}

}  // namespace userlay
