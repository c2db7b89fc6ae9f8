// UserlayVfs: extended attributes, in the order of fs/xattr.c.
#include <linux/limits.h>
#include <sys/xattr.h>

#include <cerrno>

#include "adapters/userspace/userlay/acl.h"
#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

bool is_acl(const std::string& name) {
  return name == userlay::kAccessAcl || name == userlay::kDefaultAcl;
}

enum Tag : unsigned { kOwner = 1, kUser = 2, kOwningGroup = 4, kGroup = 8, kMask = 16, kOthers = 32 };

// posix_acl_from_xattr(); empty for a value that means no ACL.
Sys<userlay::Acl> acl_from(std::string_view value, const HostRules& rules) {
  constexpr std::string_view kVersion("\2\0\0\0", 4);
  if (value.empty()) return userlay::Acl{};
  if (value.size() < kVersion.size()) return failed(EINVAL);
  if (!value.starts_with(kVersion)) return failed(EOPNOTSUPP);
  auto acl = userlay::parse_acl(std::string(value));
  if (!acl) return failed(EINVAL);
  for (const userlay::AclEntry& entry : *acl) {
    const bool unknown = (entry.tag == kUser && !rules.uids.contains(entry.id)) ||
                         (entry.tag == kGroup && !rules.gids.contains(entry.id));
    if (unknown) return failed(EINVAL);
  }
  return std::move(*acl);
}

// posix_acl_valid(): owner, users, owning group, groups, mask, others, in this order; named ones need a mask.
bool valid_acl(const userlay::Acl& acl) {
  unsigned last = 0;
  bool named = false, masked = false, grouped = false;
  for (const userlay::AclEntry& entry : acl) {
    if (entry.perm & ~7u) return false;
    const bool repeats = entry.tag == kUser || entry.tag == kGroup;
    if (entry.tag < last || (entry.tag == last && !repeats)) return false;
    switch (entry.tag) {
      case kUser:
      case kGroup:
        named = true;
        break;
      case kOwningGroup:
        grouped = true;
        break;
      case kMask:
        masked = true;
        break;
      case kOwner:
      case kOthers:
        break;
      default:
        return false;
    }
    if (entry.tag != kOwner && last == 0) return false;  // the owner comes first
    if (entry.tag > kOwningGroup && !grouped) return false;
    last = entry.tag;
  }
  return last == kOthers && (masked || !named);
}

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= XATTR_NAME_MAX;
}

}  // namespace

Sys<void> UserlayVfs::setxattr(const At& at, bool follow, const std::string& name, std::string_view value,
                               int flags) {
  if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) return failed(EINVAL);
  if (!valid_name(name)) return failed(ERANGE);
  if (value.size() > XATTR_SIZE_MAX) return failed(E2BIG);
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  if (overlay().read_only()) return failed(EROFS);
  if (is_acl(name)) return set_acl(**node, name, value);
  if (const auto allowed = may_write_xattr(**node, name); !allowed) return allowed;
  return overlay().setxattr(caller_, (*node)->id, name, value, flags);
}

Sys<void> UserlayVfs::removexattr(const At& at, bool follow, const std::string& name) {
  if (!valid_name(name)) return failed(ERANGE);
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  if (overlay().read_only()) return failed(EROFS);
  if (is_acl(name)) return set_acl(**node, name, {});
  if (const auto allowed = may_write_xattr(**node, name); !allowed) return allowed;
  return overlay().removexattr((*node)->id, name);
}

// xattr_permission() for writing.
Sys<void> UserlayVfs::may_write_xattr(const Node& node, const std::string& name) {
  if (protection(node)) return failed(EPERM);
  // Nobody but the file system knows these.
  if (name.starts_with("system.")) return {};
  if (name.starts_with("trusted.") && !tree_->rules().initial_user_namespace) return failed(EPERM);
  return overlay().may_setxattr(caller_, node.id, name);
}

// do_set_acl() and set_posix_acl(): a malformed value is found out first, who asks last.
Sys<void> UserlayVfs::set_acl(const Node& node, const std::string& name, std::string_view value) {
  const auto acl = acl_from(value, tree_->rules());
  if (!acl) return failed(acl.error());
  if (protection(node)) return failed(EPERM);
  if (node.is_symlink()) return failed(EOPNOTSUPP);
  if (name == userlay::kDefaultAcl && !node.is_directory())
    return acl->empty() ? Sys<void>{} : failed(EACCES);
  const auto owner = owner_or_capable(node);
  if (!owner) return failed(owner.error());
  if (!*owner) return failed(EPERM);
  if (!acl->empty() && !valid_acl(*acl)) return failed(EINVAL);
  if (name == userlay::kAccessAcl) {
    if (const auto dropped = drop_set_gid(node); !dropped) return dropped;
  }
  if (acl->empty()) return overlay().removexattr(node.id, name);
  return overlay().setxattr(caller_, node.id, name, value, 0);
}

// As ovl_set_acl() does before it sets or removes an access ACL for one who could not keep the bit with
// chmod.
Sys<void> UserlayVfs::drop_set_gid(const Node& node) {
  const auto attr = overlay().getattr(node.id);
  if (!attr) return failed(attr.error());
  if (!(attr->st_mode & S_ISGID) || caller_.in_group(attr->st_gid) || caller_.has_cap(CAP_FSETID)) return {};
  userlay::SetAttr attributes;
  attributes.mode = attr->st_mode & 07777 & ~static_cast<mode_t>(S_ISGID);
  const auto changed = overlay().setattr(caller_, node.id, attributes);
  if (!changed) return failed(changed.error());
  return {};
}

Sys<std::string> UserlayVfs::getxattr(const At& at, bool follow, const std::string& name) {
  if (!valid_name(name)) return failed(ERANGE);
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  if (const auto allowed = may_read_xattr(**node, name); !allowed) return failed(allowed.error());
  return overlay().getxattr((*node)->id, name);
}

// xattr_permission() for reading. ACLs and security.* are for everyone.
Sys<void> UserlayVfs::may_read_xattr(const Node& node, const std::string& name) {
  if (name.starts_with("security.") || name.starts_with("system.")) return {};
  if (name.starts_with("trusted.")) {
    const bool capable = caller_.has_cap(CAP_SYS_ADMIN) && tree_->rules().initial_user_namespace;
    return capable ? Sys<void>{} : failed(ENODATA);
  }
  if (name.starts_with("user.") && !node.is_file() && !node.is_directory()) return failed(ENODATA);
  return overlay().permission(caller_, node.id, R_OK);
}

Sys<std::vector<std::string>> UserlayVfs::listxattr(const At& at, bool follow) {
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  return overlay().listxattr(caller_, (*node)->id);
}

}  // namespace ovlcheck
