// Attributes: stat with stable inode numbers, and changing them.
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

// Device numbers nothing real uses: minor 0 is the overlay, 1 + fsid the layers' file systems when inode
// numbers cannot be unified.
constexpr unsigned kPseudoMajor = 0xeff;

}  // namespace

void Core::map_inode(const Node& node, struct stat& st, int fsid) const {
  const dev_t overlay = makedev(kPseudoMajor, 0);
  if (xino_bits_ == 0) {
    st.st_dev = overlay;
    return;
  }
  const int shift = 64 - xino_bits_;
  if (xino_bits_ > 0 && !(st.st_ino >> shift)) {
    st.st_ino |= static_cast<ino_t>(fsid) << (shift + 1);
    st.st_dev = overlay;
    return;
  }
  if (!node.is_dir()) {
    st.st_dev = makedev(kPseudoMajor, static_cast<unsigned>(fsid) + 1);
    return;
  }
  st.st_dev = overlay;
  st.st_ino = node.private_ino;
  if (xino_bits_ > 0) st.st_ino = (st.st_ino & (~ino_t{0} >> xino_bits_)) | (ino_t{1} << shift);
}

Result<struct stat> Core::attr(const NodePtr& node) {
  auto where = at(*node);
  if (!where) return forward(where);
  auto st = sys::stat(*where);
  if (!st) return st;
  return attr(node, *st);
}

// `st`: of the layer's object that has the metadata.
Result<struct stat> Core::attr(const NodePtr& node, struct stat st) {
  int fsid = 0;
  if (!node->is_dir() || xino_bits_ >= 0) {
    const auto fsid_of = [&](const RealPtr& real) {
      return layers_[static_cast<std::size_t>(real->layer)].fsid;
    };
    if (!node->upper) {
      fsid = fsid_of(node->lower.front());
    } else if (node->has_origin()) {
      const Real& origin = *node->lower.front();
      // Lower hard links split by copy_up are different files now.
      if (node->indexed || node->is_dir() || origin.nlink == 1) {
        fsid = fsid_of(node->lower.front());
        if (!mutant("ino-changes")) st.st_ino = origin.id.ino;
      }
    }
    if (node->metacopy()) {
      if (!node->data_redirect.empty()) {
        // Not worth searching the data-only layers for a stat.
        st.st_blocks = (st.st_size + st.st_blksize - 1) / st.st_blksize * st.st_blksize / 512;
      } else if (node->lower.size() > 1 || node->upper) {
        auto data_at = fds_.locate(node->lower.back());
        auto data = data_at ? sys::stat(*data_at) : Result<struct stat>(forward(data_at));
        if (!data) return data;
        st.st_blocks = data->st_blocks;
      }
    }
  }
  map_inode(*node, st, fsid);
  if (node->is_dir() && node->merged() && !mutant("merged-dir-link-count")) st.st_nlink = 1;
  if (!node->is_dir() && node->indexed && !mutant("index-link-count-of-upper")) st.st_nlink = node->nlink;
  return st;
}

Result<struct stat> Core::getattr(NodeId id) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  return attr(*found);
}

Result<timespec> Core::birth_time(NodeId id) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  auto where = at(**found);
  if (!where) return forward(where);
  struct statx status;
  if (::statx(where->fd(), where->c_str(), AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_BTIME, &status) < 0)
    return last_error();
  if (!(status.stx_mask & STATX_BTIME)) return tl::unexpected(ENODATA);
  return timespec{static_cast<time_t>(status.stx_btime.tv_sec), status.stx_btime.tv_nsec};
}

Result<void> Core::truncate(const NodePtr& node, off_t size) {
  if (mutant("truncate-ignored")) return {};
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  auto fd = sys::reopen(*where, O_WRONLY | O_NONBLOCK);
  if (!fd) return forward(fd);
  return ok_or_errno(::ftruncate(fd->get(), size));
}

// Set-id bits the caller may not keep when the file's contents or owner change. The file system takes care of
// capabilities, and of the bits when this process itself lacks CAP_FSETID.
Result<void> Core::drop_privilege_bits(const Caller& caller, const NodePtr& node, bool after_chown) {
  if (node->is_dir() || !node->upper || caller.has_cap(CAP_FSETID)) return {};
  if (mutant("set-id-kept-on-write") && !after_chown) return {};
  if (!after_chown && !node->may_be_setid.load(std::memory_order_relaxed)) return {};
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  auto st = sys::stat(*where);
  if (!st) return forward(st);
  mode_t drop = after_chown ? 0 : S_ISUID;
  if ((st->st_mode & S_ISGID) && ((st->st_mode & S_IXGRP) || !caller.in_group(st->st_gid))) drop |= S_ISGID;
  if (!after_chown) node->may_be_setid = false;
  if (!(st->st_mode & drop)) return {};
  return sys::chmod(*where, st->st_mode & 07777 & ~drop);
}

Result<void> Core::apply(const Caller& caller, const NodePtr& node, const SetAttr& change) {
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  if (change.uid || change.gid) {
    const uid_t uid = change.uid.value_or(static_cast<uid_t>(-1));
    const gid_t gid = change.gid.value_or(static_cast<gid_t>(-1));
    if (auto r = sys::chown(*where, uid, gid); !r) return r;
    if (auto r = drop_privilege_bits(caller, node, true); !r) return r;
  }
  if (change.mode) {
    mode_t mode = *change.mode & 07777;
    if (mode & S_ISGID) {
      auto st = sys::stat(*where);
      if (!st) return forward(st);
      if (!mutant("set-gid-of-foreign-group") && !caller.in_group(st->st_gid) && !caller.has_cap(CAP_FSETID))
        mode &= ~static_cast<mode_t>(S_ISGID);
    }
    if (mode & (S_ISUID | S_ISGID)) node->may_be_setid = true;
    if (auto r = sys::chmod(*where, mutant("chmod-drops-set-id") ? mode & 0777 : mode); !r) return r;
  }
  if (change.size) {
    if (auto r = truncate(node, *change.size); !r) return r;
    if (auto r = drop_privilege_bits(caller, node, false); !r) return r;
  }
  if (change.atime || change.mtime) {
    const timespec omit{0, UTIME_OMIT};
    return sys::utimes(*where, change.atime.value_or(omit), change.mtime.value_or(omit));
  }
  return {};
}

Result<struct stat> Core::setattr(const Caller& caller, NodeId id, const SetAttr& change) {
  auto found = node(id);
  if (!found) return forward(found);
  const NodePtr& target = *found;
  if (read_only_) return tl::unexpected(EROFS);
  CopyData data = CopyData::kNone;
  if (change.size) {
    if (target->is_dir()) return tl::unexpected(EISDIR);
    if (!target->is_regular() || *change.size < 0) return tl::unexpected(EINVAL);
    data = *change.size == 0 ? CopyData::kTruncated : CopyData::kAll;
  }
  {
    std::shared_lock lock(tree_);
    if (auto r = may_setattr_protected(*target, change); !r) return forward(r);
  }
  if (auto r = copy_up(target, data); !r) return forward(r);
  std::shared_lock lock(tree_);
  if (auto r = apply(caller, target, change); !r) return forward(r);
  return attr(target);
}

Result<std::string> Core::readlink(NodeId id) {
  std::shared_lock lock(tree_);
  auto found = node(id);
  if (!found) return forward(found);
  if ((*found)->type != S_IFLNK) return tl::unexpected(EINVAL);
  auto where = at(**found);
  if (!where) return forward(where);
  return sys::readlink(*where);
}

Result<struct statvfs> Core::statfs() {
  struct statvfs vfs;
  if (::fstatvfs(root_->metadata()->pinned->get(), &vfs) < 0) return last_error();
  vfs.f_namemax = name_max_;
  if (own_uuid_) {
    // The kernel's uuid_to_fsid: both halves, little-endian, one over the other.
    vfs.f_fsid = 0;
    for (std::size_t i = 0; i < own_uuid_->size(); ++i)
      vfs.f_fsid ^= static_cast<unsigned long>((*own_uuid_)[i]) << (i % 8 * 8);
  }
  return vfs;
}

Result<void> Core::syncfs() {
  if (!layers_[0].root || volatile_mount()) return {};
  auto fd = sys::open_at(layers_[0].root->pinned->get(), ".", O_RDONLY | O_DIRECTORY);
  if (!fd) return forward(fd);
  return ok_or_errno(::syncfs(fd->get()));
}

}  // namespace userlay
