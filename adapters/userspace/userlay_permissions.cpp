// UserlayVfs: what the VFS asks before it lets a file system work. Credentials and ACLs are judged by the
// library; inode flags and the host's own rules here.
#include <linux/fs.h>

#include <cerrno>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {

// FS_IMMUTABLE_FL and FS_APPEND_FL. What cannot be asked for does not protect.
unsigned UserlayVfs::protection(const Node& node) {
  if (!node.is_file() && !node.is_directory()) return 0;
  const auto flags = overlay().get_flags(node.id);
  return flags ? *flags & (FS_IMMUTABLE_FL | FS_APPEND_FL) : 0;
}

// inode_permission().
Sys<void> UserlayVfs::may(const Node& node, int mask) {
  if (mask & W_OK) {
    const bool stored = node.is_file() || node.is_directory() || node.is_symlink();
    if (stored && overlay().read_only()) return failed(EROFS);
    if (protection(node) & FS_IMMUTABLE_FL) return failed(EPERM);
  }
  return overlay().permission(caller_, node.id, mask);
}

Sys<void> UserlayVfs::may_create(const Node& directory) {
  return may(directory, W_OK | X_OK);
}

Sys<void> UserlayVfs::may_delete(const Node& directory, const Node& victim) {
  if (const auto allowed = may(directory, W_OK | X_OK); !allowed) return allowed;
  if (protection(directory) & FS_APPEND_FL) return failed(EPERM);
  if (const auto allowed = overlay().may_delete(caller_, directory.id, victim.id); !allowed) return allowed;
  if (protection(victim)) return failed(EPERM);
  return {};
}

// inode_owner_or_capable().
Sys<bool> UserlayVfs::owner_or_capable(const Node& node) {
  const auto attr = overlay().getattr(node.id);
  if (!attr) return failed(attr.error());
  return attr->st_uid == caller_.uid || caller_.has_cap(CAP_FOWNER);
}

// fs.protected_hardlinks: another one's file must be a harmless one that the caller may read and write.
Sys<void> UserlayVfs::may_link(const Node& node) {
  if (!tree_->rules().protected_hardlinks) return {};
  const auto attr = overlay().getattr(node.id);
  if (!attr) return failed(attr.error());
  const mode_t set_gid = S_ISGID | S_IXGRP;
  const bool harmless = node.is_file() && !(attr->st_mode & S_ISUID) && (attr->st_mode & set_gid) != set_gid;
  if (harmless && may(node, R_OK | W_OK)) return {};
  if (attr->st_uid == caller_.uid || caller_.has_cap(CAP_FOWNER)) return {};
  return failed(EPERM);
}

// may_open().
Sys<void> UserlayVfs::may_open(const Node& node, const OpenPlan& plan) {
  if (node.is_symlink()) return failed(ELOOP);
  if (node.is_directory() && (plan.access & W_OK)) return failed(EISDIR);
  const bool device = S_ISCHR(node.type) || S_ISBLK(node.type);
  // The file system of a user namespace has no devices.
  if (device && !tree_->rules().initial_user_namespace) return failed(EACCES);
  if (const auto allowed = may(node, plan.access); !allowed) return allowed;
  const bool writes = plan.access & W_OK;
  if (writes && (protection(node) & FS_APPEND_FL) && (!(plan.flags & O_APPEND) || (plan.flags & O_TRUNC)))
    return failed(EPERM);
  if (plan.flags & O_NOATIME) {
    const auto owner = owner_or_capable(node);
    if (!owner) return failed(owner.error());
    if (!*owner) return failed(EPERM);
  }
  return {};
}

// fs.protected_regular and fs.protected_fifos: O_CREAT does not open what another one has put into a sticky
// directory.
Sys<void> UserlayVfs::may_create_in_sticky(const Node& directory, const Node& node) {
  const auto dir_attr = overlay().getattr(directory.id);
  if (!dir_attr) return failed(dir_attr.error());
  if (!(dir_attr->st_mode & S_ISVTX)) return {};
  const HostRules& rules = tree_->rules();
  if (node.is_file() && !rules.protected_regular) return {};
  if (S_ISFIFO(node.type) && !rules.protected_fifos) return {};
  const auto attr = overlay().getattr(node.id);
  if (!attr) return failed(attr.error());
  if (attr->st_uid == dir_attr->st_uid || attr->st_uid == caller_.uid) return {};
  if (dir_attr->st_mode & S_IWOTH) return failed(EACCES);
  const int level = node.is_file() ? rules.protected_regular : rules.protected_fifos;
  const bool guarded = node.is_file() || S_ISFIFO(node.type);
  if ((dir_attr->st_mode & S_IWGRP) && guarded && level >= 2) return failed(EACCES);
  return {};
}

// may_setattr() and setattr_prepare().
Sys<void> UserlayVfs::may_change(const Node& node, const userlay::SetAttr& attributes) {
  const auto is_now = [](const std::optional<timespec>& time) { return time && time->tv_nsec == UTIME_NOW; };
  const bool touch = is_now(attributes.atime) && is_now(attributes.mtime);
  const unsigned flags = protection(node);
  if (flags & (touch ? FS_IMMUTABLE_FL : FS_IMMUTABLE_FL | FS_APPEND_FL)) return failed(EPERM);
  return overlay().may_setattr(caller_, node.id, attributes);
}

}  // namespace ovlcheck
