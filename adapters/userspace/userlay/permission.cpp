// What a caller may do: mode bits, ACLs, ownership and capabilities, as the VFS decides.
#include <sys/syscall.h>

#include <algorithm>

#include "adapters/userspace/userlay/acl.h"
#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {

bool Caller::in_group(gid_t group) const {
  if (mutant("supplementary-groups-ignored")) return group == gid;
  return group == gid || std::find(groups.begin(), groups.end(), group) != groups.end();
}

Caller Caller::self() {
  Caller caller;
  caller.uid = ::geteuid();
  caller.gid = ::getegid();
  const int count = ::getgroups(0, nullptr);
  if (count > 0) {
    caller.groups.resize(static_cast<std::size_t>(count));
    const int got = ::getgroups(count, caller.groups.data());
    caller.groups.resize(static_cast<std::size_t>(std::max(got, 0)));
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) == 0) {
    caller.caps = data[0].effective | static_cast<std::uint64_t>(data[1].effective) << 32;
  }
  return caller;
}

bool capable(int cap) {
  // The inode that every kernel gives the initial namespace.
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;
  struct stat st;
  if (::stat("/proc/self/ns/user", &st) < 0 || st.st_ino != kInitialUserNamespace) return false;
  return Caller::self().has_cap(cap);
}

Caller Caller::superuser() {
  Caller caller;
  caller.caps = ~std::uint64_t{0};
  return caller;
}

Result<void> Core::permission(const Caller& caller, NodeId id, int mask) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  const Node& node = **found;
  auto where = at(node);
  if (!where) return forward(where);
  auto st = sys::stat(*where);
  if (!st) return forward(st);
  if ((mask & W_OK) && read_only_ && (node.is_dir() || node.is_regular() || node.type == S_IFLNK)) {
    return tl::unexpected(EROFS);
  }
  bool granted = false;
  const mode_t mode = st->st_mode;
  if (caller.uid == st->st_uid) {
    granted = ((mode >> 6) & static_cast<mode_t>(mask)) == static_cast<mode_t>(mask);
  } else {
    // Group bits of an object with an ACL are its mask; without any there can be no extended ACL that grants.
    auto value = (mode & 070) && node.type != S_IFLNK ? sys::get_xattr(*where, kAccessAcl)
                                                      : Result<std::string>(tl::unexpected(ENODATA));
    if (auto acl = value && !mutant("acl-ignored") ? parse_acl(*value) : std::nullopt) {
      granted = acl_grants(*acl, caller, st->st_uid, st->st_gid, mask);
    } else {
      const int shift = caller.in_group(st->st_gid) ? 3 : 0;
      granted = ((mode >> shift) & static_cast<mode_t>(mask)) == static_cast<mode_t>(mask);
    }
  }
  if (granted) return {};
  const bool reading = !(mask & W_OK);
  if (caller.has_cap(CAP_DAC_READ_SEARCH) && reading && (node.is_dir() || mask == R_OK)) return {};
  if (caller.has_cap(CAP_DAC_OVERRIDE) &&
      (node.is_dir() || !(mask & X_OK) || (mode & 0111) || mutant("execute-for-root")))
    return {};
  return tl::unexpected(EACCES);
}

Result<void> Core::may_setattr(const Caller& caller, NodeId id, const SetAttr& change) {
  if (change.size) {
    if (auto r = permission(caller, id, W_OK); !r) return r;
  }
  auto st = getattr(id);
  if (!st) return forward(st);
  if (read_only_) return tl::unexpected(EROFS);
  const bool owner = caller.uid == st->st_uid;
  if (change.uid && !mutant("chown-by-anybody") && !caller.has_cap(CAP_CHOWN) &&
      !(owner && *change.uid == st->st_uid))
    return tl::unexpected(EPERM);
  if (change.gid && !caller.has_cap(CAP_CHOWN) &&
      !(owner && (*change.gid == st->st_gid || caller.in_group(*change.gid)))) {
    return tl::unexpected(EPERM);
  }
  const bool owner_rights = owner || caller.has_cap(CAP_FOWNER);
  if (change.mode && !owner_rights && !mutant("chmod-by-anybody")) return tl::unexpected(EPERM);
  const auto explicit_time = [](const std::optional<timespec>& t) { return t && t->tv_nsec != UTIME_NOW; };
  if (owner_rights || (!change.atime && !change.mtime)) return {};
  if (explicit_time(change.atime) || explicit_time(change.mtime)) return tl::unexpected(EPERM);
  // "Now" for both may be set by whoever may write.
  if (!change.atime || !change.mtime) return tl::unexpected(EPERM);
  return permission(caller, id, W_OK);
}

Result<void> Core::may_delete(const Caller& caller, NodeId parent, NodeId child) {
  if (auto r = permission(caller, parent, W_OK | X_OK); !r) return r;
  auto directory = getattr(parent);
  if (!directory) return forward(directory);
  if (!(directory->st_mode & S_ISVTX) || mutant("sticky-ignored")) return {};
  auto st = getattr(child);
  if (!st) return forward(st);
  if (caller.uid == st->st_uid || caller.uid == directory->st_uid || caller.has_cap(CAP_FOWNER)) return {};
  return tl::unexpected(EPERM);
}

Result<void> Core::may_setxattr(const Caller& caller, NodeId id, const std::string& name) {
  auto st = getattr(id);
  if (!st) return forward(st);
  const bool owner_rights = caller.uid == st->st_uid || caller.has_cap(CAP_FOWNER);
  if (name.starts_with("system.posix_acl_")) {
    if (read_only_) return tl::unexpected(EROFS);
    if (owner_rights) return {};
    return tl::unexpected(EPERM);
  }
  if (name.starts_with("trusted.")) {
    if (caller.has_cap(CAP_SYS_ADMIN)) return {};
    return tl::unexpected(EPERM);
  }
  if (name.starts_with("security.")) {
    const int needed = name == "security.capability" ? CAP_SETFCAP : CAP_SYS_ADMIN;
    if (caller.has_cap(needed)) return {};
    return tl::unexpected(EPERM);
  }
  if (name.starts_with("user.")) {
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)) return tl::unexpected(EPERM);
    if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && !owner_rights) return tl::unexpected(EPERM);
  }
  return permission(caller, id, W_OK);
}

}  // namespace userlay
