// UserlayVfs: what is known about a node, and changing it.
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

constexpr __fsword_t kOverlayMagic = 0x794c7630;

statx_timestamp timestamp(const timespec& time) {
  statx_timestamp stamp{};
  stamp.tv_sec = time.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(time.tv_nsec);
  return stamp;
}

struct statx statx_from(const struct stat& from) {
  struct statx to {};
  to.stx_mask = STATX_BASIC_STATS;
  to.stx_blksize = static_cast<std::uint32_t>(from.st_blksize);
  to.stx_nlink = static_cast<std::uint32_t>(from.st_nlink);
  to.stx_uid = from.st_uid;
  to.stx_gid = from.st_gid;
  to.stx_mode = static_cast<std::uint16_t>(from.st_mode);
  to.stx_ino = from.st_ino;
  to.stx_size = static_cast<std::uint64_t>(from.st_size);
  to.stx_blocks = static_cast<std::uint64_t>(from.st_blocks);
  to.stx_atime = timestamp(from.st_atim);
  to.stx_mtime = timestamp(from.st_mtim);
  to.stx_ctime = timestamp(from.st_ctim);
  to.stx_rdev_major = major(from.st_rdev);
  to.stx_rdev_minor = minor(from.st_rdev);
  to.stx_dev_major = major(from.st_dev);
  to.stx_dev_minor = minor(from.st_dev);
  return to;
}

std::uint64_t attributes_from(unsigned flags) {
  std::uint64_t attributes = 0;
  if (flags & FS_IMMUTABLE_FL) attributes |= STATX_ATTR_IMMUTABLE;
  if (flags & FS_APPEND_FL) attributes |= STATX_ATTR_APPEND;
  if (flags & FS_NODUMP_FL) attributes |= STATX_ATTR_NODUMP;
  return attributes;
}

bool valid_time(const timespec& time) {
  return time.tv_nsec == UTIME_NOW || time.tv_nsec == UTIME_OMIT ||
         (time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000);
}

std::optional<timespec> wanted_time(const timespec& time) {
  if (time.tv_nsec == UTIME_OMIT) return std::nullopt;
  return time;
}

}  // namespace

Sys<struct statx> UserlayVfs::stat(const At& at, bool follow, unsigned mask) {
  if (mask & STATX__RESERVED) return failed(EINVAL);
  const auto node = resolve(at, follow);
  if (!node) return failed(node.error());
  const auto attr = overlay().getattr((*node)->id);
  if (!attr) return failed(attr.error());
  auto result = statx_from(*attr);
  result.stx_uid = tree_->ids().shown_uid(attr->st_uid);
  result.stx_gid = tree_->ids().shown_gid(attr->st_gid);
  result.stx_attributes_mask =
      STATX_ATTR_MOUNT_ROOT | STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
  if ((*node)->id == userlay::kRootNode) result.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
  if ((*node)->is_file() || (*node)->is_directory())
    result.stx_attributes |= attributes_from(overlay().get_flags((*node)->id).value_or(0));
  if (mask & STATX_BTIME) {
    if (const auto birth = overlay().birth_time((*node)->id)) {
      result.stx_btime = timestamp(*birth);
      result.stx_mask |= STATX_BTIME;
    }
  }
  return result;
}

Sys<std::string> UserlayVfs::readlink(const At& at) {
  const auto node = resolve(at, false);
  if (!node) return failed(node.error());
  if (!(*node)->is_symlink()) return failed(at.path.empty() ? ENOENT : EINVAL);
  return overlay().readlink((*node)->id);
}

// notify_change() with the checks of setattr_prepare().
Sys<void> UserlayVfs::change(const Node& node, const userlay::SetAttr& attributes) {
  if (overlay().read_only()) return failed(EROFS);
  if (const auto allowed = may_change(node, attributes); !allowed) return allowed;
  const auto changed = overlay().setattr(caller_, node.id, attributes);
  if (!changed) return failed(changed.error());
  return {};
}

Sys<void> UserlayVfs::chmod(const At& at, mode_t mode) {
  const auto node = resolve_open(at, true);
  if (!node) return failed(node.error());
  userlay::SetAttr attributes;
  attributes.mode = mode & 07777;
  return change(**node, attributes);
}

Sys<void> UserlayVfs::chown(const At& at, bool follow, uid_t uid, gid_t gid) {
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  if (overlay().read_only()) return failed(EROFS);
  const HostRules& rules = tree_->rules();
  const IdView& ids = tree_->ids();
  const bool keeps_uid = uid == static_cast<uid_t>(-1), keeps_gid = gid == static_cast<gid_t>(-1);
  if ((!keeps_uid && !ids.shows_uid(uid)) || (!keeps_gid && !ids.shows_gid(gid))) return failed(EINVAL);
  uid = ids.real_uid(uid);
  gid = ids.real_gid(gid);
  if ((!keeps_uid && !rules.uids.contains(uid)) || (!keeps_gid && !rules.gids.contains(gid)))
    return failed(EINVAL);
  const auto attr = overlay().getattr((*node)->id);
  if (!attr) return failed(attr.error());
  userlay::SetAttr attributes;
  if (!keeps_uid) attributes.uid = uid;
  if (!keeps_gid) attributes.gid = gid;
  if (attributes.uid || attributes.gid) {
    if (const auto allowed = may_change(**node, attributes); !allowed) return allowed;
  }
  // Set-id bits go with any chown, which is a change of mode.
  const bool set_gid =
      (attr->st_mode & S_ISGID) &&
      ((attr->st_mode & S_IXGRP) || (!caller_.in_group(attr->st_gid) && !caller_.has_cap(CAP_FSETID)));
  if (!(*node)->is_directory() && ((attr->st_mode & S_ISUID) || set_gid)) {
    const auto owner = owner_or_capable(**node);
    if (!owner) return failed(owner.error());
    if (!*owner) return failed(EPERM);
  }
  // Without any new id it is still a change, which copies up.
  if (!attributes.uid && !attributes.gid) attributes.uid = attr->st_uid;
  const auto changed = overlay().setattr(caller_, (*node)->id, attributes);
  if (!changed) return failed(changed.error());
  return {};
}

Sys<void> UserlayVfs::utimens(const At& at, bool follow, const timespec times[2]) {
  static constexpr timespec kNow[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  if (!times) times = kNow;
  // Nothing to do: not even the path is looked at.
  if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return {};
  const auto node = resolve_open(at, follow);
  if (!node) return failed(node.error());
  if (!valid_time(times[0]) || !valid_time(times[1])) return failed(EINVAL);
  userlay::SetAttr attributes;
  attributes.atime = wanted_time(times[0]);
  attributes.mtime = wanted_time(times[1]);
  return change(**node, attributes);
}

// ftruncate(2): the right to do so came with the descriptor.
Sys<void> UserlayVfs::truncate_open(int fd, off_t size) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (!(*file)->file || !(*file)->writable()) return failed(EINVAL);
  if (protection(*(*file)->node) & FS_APPEND_FL) return failed(EPERM);
  return (*file)->file->truncate(caller_, size);
}

Sys<void> UserlayVfs::truncate(const At& at, uint64_t size) {
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) return failed(EINVAL);
  userlay::SetAttr attributes;
  attributes.size = static_cast<off_t>(size);
  if (at.path.empty() && at.dir != AT_FDCWD) return truncate_open(at.dir, *attributes.size);
  const auto node = resolve(at, true);
  if (!node) return failed(node.error());
  if ((*node)->is_directory()) return failed(EISDIR);
  if (!(*node)->is_file()) return failed(EINVAL);
  if (overlay().read_only()) return failed(EROFS);
  if (const auto allowed = may(**node, W_OK); !allowed) return allowed;
  if (protection(**node) & FS_APPEND_FL) return failed(EPERM);
  const auto changed = overlay().setattr(caller_, (*node)->id, attributes);
  if (!changed) return failed(changed.error());
  return {};
}

Sys<void> UserlayVfs::access(const At& at, int mode, int flags) {
  if (mode & ~(R_OK | W_OK | X_OK)) return failed(EINVAL);
  if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return failed(EINVAL);
  userlay::Caller checked = caller_;
  // The real ids count, whose capabilities are none but for root, who has all that are permitted.
  if (!(flags & AT_EACCESS)) checked.caps = checked.uid == 0 ? tree_->mounter().caps : 0;
  UserlayVfs view(tree_, checked);
  view.cwd_ = cwd_;
  const auto node = view.resolve(at, !(flags & AT_SYMLINK_NOFOLLOW));
  if (!node) return failed(node.error());
  return view.may(**node, mode);
}

Sys<struct statfs> UserlayVfs::statfs(const At& at) {
  const auto node = resolve(at, true);
  if (!node) return failed(node.error());
  const auto from = overlay().statfs();
  if (!from) return failed(from.error());
  struct statfs to {};
  to.f_type = kOverlayMagic;
  to.f_bsize = static_cast<__fsword_t>(from->f_bsize);
  to.f_blocks = from->f_blocks;
  to.f_bfree = from->f_bfree;
  to.f_bavail = from->f_bavail;
  to.f_files = from->f_files;
  to.f_ffree = from->f_ffree;
  static_assert(sizeof to.f_fsid == sizeof from->f_fsid);
  std::memcpy(&to.f_fsid, &from->f_fsid, sizeof to.f_fsid);
  to.f_namelen = static_cast<__fsword_t>(from->f_namemax);
  to.f_frsize = static_cast<__fsword_t>(from->f_frsize);
  // What the layers are mounted with is no business of the overlay's.
  to.f_flags = static_cast<__fsword_t>(overlay().read_only() ? ST_RDONLY : 0);
  return to;
}

Sys<void> UserlayVfs::chdir(const At& at) {
  auto node = resolve(at, true, true);
  if (!node) return failed(node.error());
  if (const auto allowed = overlay().permission(caller_, (*node)->id, X_OK); !allowed) return allowed;
  cwd_ = std::move(*node);
  return {};
}

Sys<void> UserlayVfs::umask(mode_t mask) {
  caller_.umask = mask & 0777;
  return {};
}

}  // namespace ovlcheck
