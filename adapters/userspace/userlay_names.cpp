// UserlayVfs: making and removing names, in the order of fs/namei.c.
#include <sys/sysmacros.h>

#include <cerrno>
#include <utility>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

template <class T>
Sys<void> nothing_of(const userlay::Result<T>& result, userlay::Overlay& overlay) {
  if (!result) return failed(result.error());
  overlay.forget(result->node, 1);
  return {};
}

}  // namespace

// filename_create(): that the name is free is found out before anything is said about permission.
Sys<UserlayVfs::Place> UserlayVfs::new_place(const At& at, bool for_directory) {
  auto walk = this->walk(at);
  if (!walk) return failed(walk.error());
  if (walk->last() != PathWalk::Last::name) return failed(EEXIST);
  const auto node = walk->child();
  if (node) return failed(EEXIST);
  if (node.error() != ENOENT) return failed(node.error());
  if (walk->trailing_slash() && !for_directory) return failed(ENOENT);
  if (overlay().read_only()) return failed(EROFS);
  return Place{walk->directory(), walk->name()};
}

Sys<void> UserlayVfs::mkdir(const At& at, mode_t mode) {
  const auto place = new_place(at, true);
  if (!place) return failed(place.error());
  if (const auto allowed = may_create(*place->directory); !allowed) return allowed;
  return nothing_of(overlay().mkdir(caller_, place->directory->id, place->name, mode & 01777), overlay());
}

Sys<void> UserlayVfs::mknod(const At& at, mode_t mode, dev_t dev) {
  mode_t type = mode & S_IFMT;
  if (type == 0) type = S_IFREG;
  if (type == S_IFDIR) return failed(EPERM);
  if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
    return failed(EINVAL);
  const auto place = new_place(at, false);
  if (!place) return failed(place.error());
  if (const auto allowed = may_create(*place->directory); !allowed) return allowed;
  const bool device = type == S_IFCHR || type == S_IFBLK;
  const bool whiteout = type == S_IFCHR && dev == 0;
  const bool capable = caller_.has_cap(CAP_MKNOD) && tree_->rules().initial_user_namespace;
  // The kernel's overlayfs does not let its users make whiteouts.
  if (whiteout || (device && !capable)) return failed(EPERM);
  return nothing_of(
      overlay().mknod(caller_, place->directory->id, place->name, type | (mode & 07777), device ? dev : 0),
      overlay());
}

Sys<void> UserlayVfs::symlink(const std::string& target, const At& at) {
  if (target.empty()) return failed(ENOENT);
  if (target.size() > kPathMax) return failed(ENAMETOOLONG);
  const auto place = new_place(at, false);
  if (!place) return failed(place.error());
  if (const auto allowed = may_create(*place->directory); !allowed) return allowed;
  return nothing_of(overlay().symlink(caller_, place->directory->id, place->name, target), overlay());
}

Sys<void> UserlayVfs::link(const At& from, const At& to, bool follow) {
  if (from.path.empty() && from.dir != AT_FDCWD) {
    // AT_EMPTY_PATH is for who opened the descriptor, and for the all-powerful.
    const auto file = tree_->descriptors().find(from.dir);
    if (!file) return failed(file.error());
    const userlay::Caller& opener = (*file)->opened_by;
    const bool same = opener.uid == caller_.uid && opener.gid == caller_.gid && opener.caps == caller_.caps &&
                      opener.groups == caller_.groups;
    if (!same && !caller_.has_cap(CAP_DAC_READ_SEARCH)) return failed(ENOENT);
  }
  const auto node = resolve(from, follow);
  if (!node) return failed(node.error());
  const auto place = new_place(to, false);
  if (!place) return failed(place.error());
  if (const auto allowed = may_link(**node); !allowed) return allowed;
  if (const auto allowed = may_create(*place->directory); !allowed) return allowed;
  if (protection(**node) || (*node)->is_directory()) return failed(EPERM);
  return nothing_of(overlay().link((*node)->id, place->directory->id, place->name), overlay());
}

Sys<void> UserlayVfs::unlink(const At& at) {
  const auto walk = this->walk(at);
  if (!walk) return failed(walk.error());
  if (walk->last() != PathWalk::Last::name) return failed(EISDIR);
  return remove(*walk, false);
}

Sys<void> UserlayVfs::rmdir(const At& at) {
  const auto walk = this->walk(at);
  if (!walk) return failed(walk.error());
  switch (walk->last()) {
    case PathWalk::Last::dotdot:
      return failed(ENOTEMPTY);
    case PathWalk::Last::dot:
      return failed(EINVAL);
    case PathWalk::Last::root:
      return failed(EBUSY);
    case PathWalk::Last::name:
      break;
  }
  return remove(*walk, true);
}

Sys<void> UserlayVfs::remove(PathWalk walk, bool directory) {
  if (overlay().read_only()) return failed(EROFS);
  const auto node = walk.child();
  if (!node) return failed(node.error());
  const bool is_directory = (*node)->is_directory();
  if (!directory && walk.trailing_slash()) return failed(is_directory ? EISDIR : ENOTDIR);
  const NodePtr& parent = walk.directory();
  if (const auto allowed = may_delete(*parent, **node); !allowed) return allowed;
  if (directory && !is_directory) return failed(ENOTDIR);
  if (!directory && is_directory) return failed(EISDIR);
  return directory ? overlay().rmdir(parent->id, walk.name()) : overlay().unlink(parent->id, walk.name());
}

}  // namespace ovlcheck
