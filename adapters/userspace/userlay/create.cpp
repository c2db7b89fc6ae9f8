// New objects: owner, mode and ACL as a local file system would give them, atomically over whiteouts.
#include <algorithm>

#include "adapters/userspace/userlay/acl.h"
#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {

struct Core::Appearance {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;
  std::string access_acl;   // empty: none
  std::string default_acl;  // of a directory
};

Result<void> Core::check_name(const std::string& name) const {
  if (name.empty()) return tl::unexpected(ENOENT);
  if (name == "." || name == ".." || name.find('/') != std::string::npos) return tl::unexpected(EINVAL);
  if (name.size() > name_max_) return tl::unexpected(ENAMETOOLONG);
  return {};
}

// EEXIST unless the name is free; tells whether a whiteout is in the way.
Result<void> Core::check_new_name(const NodePtr& parent, const std::string& name, Found& found) {
  if (auto r = check_name(name); !r) return r;
  if (parent->removed && !mutant("create-in-removed-dir")) return tl::unexpected(ENOENT);
  if (nodes_.child(*parent, name)) return tl::unexpected(EEXIST);
  auto result = find(*parent, name);
  if (!result) return forward(result);
  if (result->positive() || (result->whiteout && mutant("whiteout-blocks-create")))
    return tl::unexpected(EEXIST);
  found = std::move(*result);
  return {};
}

Result<bool> Core::has_default_acl(const Node& directory) {
  if (directory.default_acl >= 0) return directory.default_acl == 1;
  auto where = fds_.locate(directory.upper);
  if (!where) return forward(where);
  return sys::get_xattr(*where, kDefaultAcl).has_value();
}

Result<Core::Appearance> Core::appearance(const Caller& caller, const Node& parent, const NewObject& what) {
  auto where = fds_.locate(parent.upper);
  if (!where) return forward(where);
  auto st = sys::stat(*where);
  if (!st) return forward(st);
  const bool is_dir = S_ISDIR(what.mode);
  const bool set_gid_parent = (st->st_mode & S_ISGID) && !mutant("create-ignores-set-gid-parent");
  Appearance look{mutant("create-wrong-owner") ? st->st_uid : caller.uid,
                  set_gid_parent ? st->st_gid : caller.gid, what.mode, "", ""};
  if (is_dir) {
    look.mode &= S_IFMT | S_ISVTX | 0777;
    if (set_gid_parent) look.mode |= S_ISGID;
  } else if (set_gid_parent && (look.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
             !caller.in_group(look.gid) && !caller.has_cap(CAP_FSETID)) {
    look.mode &= ~static_cast<mode_t>(S_ISGID);
  }
  if (S_ISLNK(what.mode)) return look;
  auto inherits = has_default_acl(parent);
  if (!inherits) return forward(inherits);
  if (!*inherits || mutant("create-ignores-default-acl")) {
    if (!mutant("create-ignores-umask")) look.mode &= ~(caller.umask & 0777);
    return look;
  }
  auto value = sys::get_xattr(*where, kDefaultAcl);
  auto acl = value ? parse_acl(*value) : std::nullopt;
  if (!acl) return look;
  InheritedAcl inherited = inherit_acl(*acl, look.mode);
  look.mode = inherited.mode;
  if (inherited.access) look.access_acl = format_acl(*inherited.access);
  if (is_dir && !mutant("mkdir-default-acl-not-passed-on")) look.default_acl = *value;
  return look;
}

// Creates the bare object; the caller dresses it.
Result<void> Core::make_real(const At& where, const NewObject& what, mode_t mode, Fd* opened) {
  if (what.hardlink) {
    auto from = fds_.locate(what.hardlink->upper);
    if (!from) return forward(from);
    if (mutant("link-copies")) {
      NewObject copy;
      copy.mode = what.hardlink->type;
      copy.target = "copy";
      return make_real(where, copy, 0644, opened);
    }
    return sys::link(*from, where.fd(), where.c_str());
  }
  switch (what.mode & S_IFMT) {
    case S_IFDIR:
      return sys::mkdir(where.fd(), where.c_str(), mode | 0700);
    case S_IFLNK:
      return sys::symlink(what.target.c_str(), where.fd(), where.c_str());
    case S_IFREG: {
      const int access = opened && what.open_flags ? what.open_flags : O_WRONLY;
      auto fd = sys::open_at(where.fd(), where.c_str(), access | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 07777);
      if (!fd) return forward(fd);
      if (opened) *opened = std::move(*fd);
      return {};
    }
    default:
      return sys::mknod(where.fd(), where.c_str(), (what.mode & S_IFMT) | (mode & 07777), what.rdev);
  }
}

// Gives a fresh object its owner, ACLs and mode.
Result<void> Core::dress(const At& at, const Appearance& look, bool apply_acl) {
  auto st = sys::stat(at);
  if (!st) return forward(st);
  bool chowned = false;
  if (st->st_uid != look.uid || st->st_gid != look.gid) {
    if (auto r = sys::chown(at, look.uid, look.gid); !r) return r;
    chowned = true;
  }
  if (S_ISLNK(look.mode)) return {};
  if (apply_acl && !look.access_acl.empty()) {
    if (auto r = sys::set_xattr(at, kAccessAcl, look.access_acl); !r && r.error() != EOPNOTSUPP) return r;
  }
  if (apply_acl && !look.default_acl.empty()) {
    if (auto r = sys::set_xattr(at, kDefaultAcl, look.default_acl); !r && r.error() != EOPNOTSUPP) return r;
  }
  const mode_t special = S_ISUID | S_ISGID;
  if ((st->st_mode & 07777) == (look.mode & 07777) && !(chowned && (look.mode & special))) return {};
  return sys::chmod(at, look.mode & 07777);
}

Result<void> Core::create_in_place(const NodePtr& parent, const std::string& name, const NewObject& what,
                                   const Appearance& look, Fd* opened) {
  auto where = upper_child(*parent, name);
  if (!where) return forward(where);
  if (auto r = make_real(*where, what, look.mode, opened); !r) return r;
  if (what.hardlink) return {};
  auto dressed = dress(*where, look, false);
  if (dressed && S_ISDIR(what.mode) && parent->merged() && !allow_offline_changes()) {
    // Only an optimisation: nothing below can be merged today, but nobody may change layers offline either.
    (void)set_mark(*where, Mark::kOpaque, "y", 0);
  }
  if (dressed) return {};
  (void)(S_ISDIR(what.mode) ? sys::rmdir(where->fd(), where->c_str())
                            : sys::unlink(where->fd(), where->c_str()));
  return dressed;
}

Result<void> Core::create_over_whiteout(const NodePtr& parent, const std::string& name, const NewObject& what,
                                        const Appearance& look, Fd* opened) {
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  auto target = upper_child(*parent, name);
  if (!target) return forward(target);
  const At temp{*work, temp_name()};
  const bool is_dir = !what.hardlink && S_ISDIR(what.mode);
  if (auto r = make_real(temp, what, look.mode, opened); !r) return r;
  const auto finish = [&]() -> Result<void> {
    if (!what.hardlink) {
      if (auto r = dress(temp, look, true); !r) return r;
    }
    if (!is_dir) return sys::rename(temp.fd(), temp.c_str(), target->fd(), target->c_str());
    if (auto r = mutant("mkdir-not-opaque") ? Result<void>() : set_mark(temp, Mark::kOpaque, "y", EIO); !r)
      return r;
    if (auto r = sys::rename(temp.fd(), temp.c_str(), target->fd(), target->c_str(), RENAME_EXCHANGE); !r)
      return r;
    // Now the whiteout is in the work directory; left there it would go at the next mount.
    if (!mutant("mkdir-litters-work")) (void)sys::unlink(temp.fd(), temp.c_str());
    return {};
  };
  auto done = finish();
  if (!done) (void)(is_dir ? sys::rmdir(temp.fd(), temp.c_str()) : sys::unlink(temp.fd(), temp.c_str()));
  return done;
}

Result<NodePtr> Core::create_locked(const Caller& caller, NodeId parent_id, const std::string& name,
                                    NewObject what, Fd* opened) {
  auto parent = directory(parent_id);
  if (!parent) return forward(parent);
  Found found;
  if (auto r = check_new_name(*parent, name, found); !r) return forward(r);
  if (read_only_) return tl::unexpected(EROFS);
  if (!what.hardlink && S_ISCHR(what.mode) && what.rdev == 0 && !mutant("whiteout-device-allowed"))
    return tl::unexpected(EPERM);
  if (auto r = may_add_to(**parent); !r) return forward(r);
  if (auto r = copy_up_locked(*parent, 0, CopyData::kNone, nullptr); !r) return forward(r);
  Appearance look;
  if (!what.hardlink) {
    auto wanted = appearance(caller, **parent, what);
    if (!wanted) return forward(wanted);
    look = std::move(*wanted);
  }
  auto created = found.whiteout ? create_over_whiteout(*parent, name, what, look, opened)
                                : create_in_place(*parent, name, what, look, opened);
  if (!created) return forward(created);
  changed(**parent);
  if (what.hardlink) {
    Node& node = *what.hardlink;
    node.links.push_back({*parent, name, true});
    nodes_.set_child(**parent, name, what.hardlink);
    return what.hardlink;
  }
  auto where = upper_child(**parent, name);
  auto st = where ? sys::stat(*where) : Result<struct stat>(forward(where));
  if (!st) return forward(st);
  auto real = add_child_real((*parent)->upper, name, *st);
  if (!real) return forward(real);
  auto node = std::make_shared<Node>(nodes_.next_id(), (*real)->type);
  node->upper = *real;
  node->links.push_back({*parent, name, true});
  node->opaque = node->is_dir() && (found.whiteout || ((*parent)->merged() && !allow_offline_changes()));
  node->private_ino = node->is_dir() ? private_inos_.fetch_add(1) : 0;
  node->may_be_setid = look.mode & (S_ISUID | S_ISGID);
  nodes_.set_identity(node->upper->id, node);
  nodes_.set_child(**parent, name, node);
  nodes_.touch(node);
  return node;
}

// A file without a name; link() can give it one.
Result<std::pair<NodePtr, Fd>> Core::create_unnamed(const Caller& caller, const NodePtr& parent, int flags,
                                                    mode_t mode) {
  NewObject what;
  what.mode = S_IFREG | (mode & 07777);
  auto look = appearance(caller, *parent, what);
  if (!look) return forward(look);
  auto dir = fds_.directory(parent->upper);
  if (!dir) return forward(dir);
  auto fd = sys::open_at((*dir)->get(), ".", (flags & ~(O_CREAT | O_TRUNC)) | O_TMPFILE, look->mode & 07777);
  if (!fd) return forward(fd);
  auto keep = sys::open_at(AT_FDCWD, sys::proc_path(fd->get()).c_str(), O_PATH);
  if (!keep) return forward(keep);
  const At at{share(std::move(*keep)), ""};
  if (auto r = dress(at, *look, false); !r) return forward(r);
  auto real = real_at(at, 0);
  if (!real) return forward(real);
  (*real)->pinned = at.dir;
  auto node = std::make_shared<Node>(nodes_.next_id(), S_IFREG);
  node->upper = *real;
  node->may_be_setid = look->mode & (S_ISUID | S_ISGID);
  nodes_.set_identity(node->upper->id, node);
  return std::pair{std::move(node), std::move(*fd)};
}

Result<Entry> Core::create_object(const Caller& caller, NodeId parent, const std::string& name,
                                  NewObject what) {
  std::unique_lock lock(tree_);
  auto node = create_locked(caller, parent, name, std::move(what), nullptr);
  if (!node) return forward(node);
  return entry(*node);
}

Result<Entry> Core::link(NodeId id, NodeId parent_id, const std::string& name) {
  auto node = this->node(id);
  if (!node) return forward(node);
  const NodePtr& source = *node;
  {
    std::shared_lock lock(tree_);
    auto parent = directory(parent_id);
    if (!parent) return forward(parent);
    Found unused;
    if (auto r = check_new_name(*parent, name, unused); !r) return forward(r);
    if (read_only_) return tl::unexpected(EROFS);
    if (auto r = may_add_to(**parent); !r) return forward(r);
    if (source->is_dir()) return tl::unexpected(EPERM);
    // The last name is gone, and nothing of it is in upper that could get another one.
    if (source->links.empty() && !source->upper) return tl::unexpected(ENOENT);
    if (auto r = may_change(*source); !r) return forward(r);
  }
  // Where its place is taken, its last name was removed meanwhile.
  if (auto r = copy_up(source, CopyData::kNone); !r)
    return tl::unexpected(r.error() == EEXIST ? ENOENT : r.error());
  std::unique_lock lock(tree_);
  auto parent = directory(parent_id);
  if (!parent) return forward(parent);
  if (!source->links.empty()) {
    if (auto r = nlink_start(source, source->link_in_use()); !r) return forward(r);
  }
  if (auto r = copy_up_locked(*parent, 0, CopyData::kNone, nullptr); !r) return forward(r);
  if (source->metacopy()) {
    if (auto r = set_redirect(source, source->link_in_use(), false); !r) return forward(r);
  }
  if (source->has_origin()) {
    if (auto r = set_impure(**parent); !r) return forward(r);
  }
  NewObject what;
  what.hardlink = source;
  auto linked = create_locked(Caller{}, parent_id, name, what, nullptr);
  if (!linked) return forward(linked);
  if (source->indexed && !mutant("index-link-not-counted")) ++source->nlink;
  if (source->upper->pinned) {
    source->upper->parent = (*parent)->upper;
    source->upper->name = name;
    source->upper->pinned = nullptr;
  }
  return entry(source);
}

}  // namespace userlay
