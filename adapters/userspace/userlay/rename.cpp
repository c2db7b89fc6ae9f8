// rename: within upper, leaving whiteouts, opaque marks and redirects so that lower layers keep their place.
#include <sys/xattr.h>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

// The kernel's default for the length of a redirect.
constexpr std::size_t kRedirectMax = 256;

bool is_ancestor(const Node& above, const NodePtr& below) {
  for (const Node* node = below.get(); node;
       node = node->links.empty() ? nullptr : node->links[0].parent.get()) {
    if (node == &above) return true;
  }
  return false;
}

}  // namespace

// One rename, from what was asked for to how it is done in upper.
struct Core::Move {
  NodePtr parent, new_parent;
  std::string name, new_name;
  NodePtr node;    // what moves
  NodePtr target;  // what is at the new name; null for nothing
  std::size_t link = 0, target_link = 0;
  bool exchange = false;
  bool onto_whiteout = false;  // upper has a whiteout at the new name
  bool target_has_whiteouts = false;
  bool nothing_to_do = false;    // both names are the same object
  unsigned flags = 0;            // for the rename in upper
  bool remove_whiteout = false;  // the target's whiteout ends at the old name and has to go

  bool same_directory() const { return parent == new_parent; }
  bool same_name() const { return same_directory() && name == new_name; }
};

bool Core::can_move(const Node& node) const {
  if (mutant("exdev-too-often") && node.is_dir()) return false;
  return options_.redirect_dir == RedirectMode::kOn || mutant("exdev-missing") || !node.is_dir() ||
         !node.merged_or_lower();
}

Result<Core::Move> Core::plan_move(NodeId parent_id, const std::string& name, NodeId new_parent_id,
                                   const std::string& new_name, unsigned flags) {
  auto parent = directory(parent_id);
  if (!parent) return forward(parent);
  auto new_parent = directory(new_parent_id);
  if (!new_parent) return forward(new_parent);
  if (auto r = check_name(name); !r) return forward(r);
  if (auto r = check_name(new_name); !r) return forward(r);
  if (read_only_) return tl::unexpected(EROFS);
  if ((*new_parent)->removed) return tl::unexpected(ENOENT);
  Move move;
  move.parent = *parent;
  move.new_parent = *new_parent;
  move.name = name;
  move.new_name = new_name;
  move.exchange = (flags & RENAME_EXCHANGE) && !mutant("exchange-moves");
  auto node = resolve(*parent, name);
  if (!node) return forward(node);
  move.node = *node;
  if (NodePtr known = nodes_.child(**new_parent, new_name)) {
    move.target = known;
  } else {
    auto found = find(**new_parent, new_name);
    if (!found) return forward(found);
    move.onto_whiteout = found->whiteout;
    if (found->positive()) {
      auto target = instantiate(*new_parent, new_name, std::move(*found));
      if (!target) return forward(target);
      move.target = *target;
    }
  }
  if (move.target && (flags & RENAME_NOREPLACE) && !mutant("noreplace-ignored"))
    return tl::unexpected(EEXIST);
  if (!move.target && move.exchange) return tl::unexpected(ENOENT);
  if (auto r = check_move(move); !r) return forward(r);
  return move;
}

// The checks of the VFS, then those of overlayfs.
Result<void> Core::check_move(Move& move) {
  const Node& node = *move.node;
  if (is_ancestor(node, move.new_parent)) return tl::unexpected(EINVAL);
  if (move.target && is_ancestor(*move.target, move.parent)) {
    return tl::unexpected(move.exchange ? EINVAL : ENOTEMPTY);
  }
  move.nothing_to_do = move.target == move.node;
  if (move.nothing_to_do) return {};
  if (auto r = may_move_away(*move.parent, *move.node); !r) return r;
  if (auto r = move.target ? may_move_away(*move.new_parent, *move.target) : may_add_to(*move.new_parent); !r)
    return r;
  if (move.target && !move.exchange) {
    if (node.is_dir() && !move.target->is_dir()) return tl::unexpected(ENOTDIR);
    if (!node.is_dir() && move.target->is_dir()) return tl::unexpected(EISDIR);
  }
  if (!can_move(node) || (move.exchange && !can_move(*move.target))) return tl::unexpected(EXDEV);
  if (move.target && !move.exchange && move.target->is_dir() && !move.target->pure_upper()) {
    auto empty = check_empty(move.target);
    if (!empty && mutant("rename-over-full-dir")) empty = true;
    if (!empty) return forward(empty);
    move.target_has_whiteouts = *empty;
  }
  auto link = link_index(node, *move.parent, move.name);
  if (!link) return forward(link);
  move.link = *link;
  if (move.target) {
    auto target_link = link_index(*move.target, *move.new_parent, move.new_name);
    if (!target_link) return forward(target_link);
    move.target_link = *target_link;
  }
  if (move.exchange) {
    move.flags = RENAME_EXCHANGE;
  } else if (!mutant("rename-leaves-source") && (!node.upper || lower_positive(*move.parent, move.name))) {
    move.flags = move.onto_whiteout ? RENAME_EXCHANGE : RENAME_WHITEOUT;
  } else if (node.is_dir() && move.onto_whiteout) {
    move.flags = RENAME_EXCHANGE;
    move.remove_whiteout = !mutant("rename-keeps-whiteout");
  }
  return {};
}

Result<void> Core::copy_up_for(Move& move) {
  if (auto r = copy_up_locked(move.node, move.link, CopyData::kNone, nullptr); !r) return r;
  if (auto r = copy_up_locked(move.new_parent, 0, CopyData::kNone, nullptr); !r) return r;
  if (move.exchange) return copy_up_locked(move.target, move.target_link, CopyData::kNone, nullptr);
  if (move.target) return nlink_start(move.target, move.target_link);
  return {};
}

// A directory of whiteouts cannot be replaced: an empty opaque one takes its place first.
Result<void> Core::clear_target(Move& move) {
  if (!move.target_has_whiteouts) return {};
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  auto old = fds_.locate(move.target->upper);
  if (!old) return forward(old);
  auto st = sys::stat(*old);
  if (!st) return forward(st);
  const At temp{*work, temp_name()};
  if (auto r = sys::mkdir(temp.fd(), temp.c_str(), 0700); !r) return r;
  const auto dress_up = [&]() -> Result<void> {
    if (auto r = sys::chown(temp, st->st_uid, st->st_gid); !r) return r;
    if (auto r = copy_xattrs(*old, temp); !r) return r;
    if (auto r = mutant("replaced-dir-not-opaque") ? Result<void>() : set_mark(temp, Mark::kOpaque, "y", EIO);
        !r)
      return r;
    if (auto r = copy_stat(*st, temp); !r) return r;
    return sys::rename(temp.fd(), temp.c_str(), old->fd(), old->c_str(), RENAME_EXCHANGE);
  };
  if (auto r = dress_up(); !r) {
    (void)sys::rmdir(temp.fd(), temp.c_str());
    return r;
  }
  auto now = sys::stat(*old);
  if (!now) return forward(now);
  auto real = add_child_real(move.new_parent->upper, move.new_name, *now);
  if (!real) return forward(real);
  // From now on it is a directory of upper only, whether it is replaced or not.
  Node& target = *move.target;
  nodes_.drop_identity(target.lower.empty() ? target.upper->id : target.lower.front()->id, target);
  target.upper = *real;
  target.opaque = true;
  target.lower.clear();
  target.const_ino = false;
  nodes_.set_identity(target.upper->id, move.target);
  changed(target);
  return discard_work(temp.name);
}

Result<std::string> Core::absolute_redirect(const Node& start, std::size_t link) const {
  std::string path;
  for (const Node* node = &start; !node->links.empty();) {
    const Link& name = node->links[node == &start ? link : 0];
    const std::string& element = node->redirect.empty() ? name.name : node->redirect;
    path.insert(0, element);
    if (path.size() + (element.front() != '/') > (mutant("redirect-too-long") ? 4096 : kRedirectMax))
      return tl::unexpected(EXDEV);
    if (element.front() == '/') return path;
    path.insert(0, "/");
    node = name.parent.get();
  }
  return path;
}

// Records where the object's lower part is.
Result<void> Core::set_redirect(const NodePtr& node, std::size_t link, bool same_directory) {
  if (mutant("redirect-forgotten")) return {};
  const bool absolute = (!same_directory && !mutant("redirect-always-relative")) ||
                        (!node->is_dir() && node->lower.front()->nlink > 1);
  if (!node->redirect.empty() &&
      (mutant("redirect-of-second-move") || !absolute || node->redirect.front() == '/'))
    return {};
  auto value = absolute ? absolute_redirect(*node, link) : Result<std::string>(node->links[link].name);
  if (!value) return forward(value);
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  // Whatever the reason, the caller may fall back to copying.
  if (!set_mark(*where, Mark::kRedirect, *value, EXDEV)) return tl::unexpected(EXDEV);
  node->redirect = *value;
  return {};
}

Result<void> Core::mark_for(const Move& move) {
  if (!move.same_directory()) {
    if (move.node->has_origin()) {
      if (auto r = set_impure(*move.new_parent); !r) return r;
    }
    if (move.exchange && move.target->has_origin()) {
      if (auto r = set_impure(*move.parent); !r) return r;
    }
  }
  const auto mark = [&](const NodePtr& node, std::size_t link, const Node& destination) -> Result<void> {
    if (node->merged_or_lower()) return set_redirect(node, link, move.same_directory());
    if (!node->is_dir() || node->opaque || !destination.merged() || mutant("rename-not-opaque")) return {};
    auto where = fds_.locate(node->upper);
    if (!where) return forward(where);
    if (auto r = set_mark(*where, Mark::kOpaque, "y", EXDEV); !r) return r;
    node->opaque = true;
    return {};
  };
  if (auto r = mark(move.node, move.link, *move.new_parent); !r) return r;
  if (move.exchange) return mark(move.target, move.target_link, *move.parent);
  return {};
}

Result<void> Core::move_upper(Move& move) {
  auto from = upper_child(*move.parent, move.name);
  if (!from) return forward(from);
  auto to = upper_child(*move.new_parent, move.new_name);
  if (!to) return forward(to);
  if (auto r = sys::rename(from->fd(), from->c_str(), to->fd(), to->c_str(), move.flags); !r) return r;
  // Left behind it would hide nothing, so failing to remove it is harmless.
  if (move.remove_whiteout) (void)sys::unlink(from->fd(), from->c_str());
  return {};
}

// Updates names and places after the rename in upper.
void Core::moved(const Move& move) {
  const auto relocate = [&](const NodePtr& node, std::size_t link, const NodePtr& from,
                            const std::string& old_name, const NodePtr& to, const std::string& new_name) {
    if (node->upper->parent == from->upper && node->upper->name == old_name) {
      node->upper->parent = to->upper;
      node->upper->name = new_name;
    }
    node->links[link] = Link{to, new_name, true};
    if (node->is_dir()) changed(*node);  // its ".." is listed, too
    nodes_.set_child(*to, new_name, node);
  };
  if (move.exchange) {
    relocate(move.node, move.link, move.parent, move.name, move.new_parent, move.new_name);
    relocate(move.target, move.target_link, move.new_parent, move.new_name, move.parent, move.name);
  } else {
    if (move.target) unlinked(move.target, move.target_link);
    if (!mutant("moved-name-cached")) nodes_.drop_child(*move.parent, move.name);
    relocate(move.node, move.link, move.parent, move.name, move.new_parent, move.new_name);
  }
  changed(*move.parent);
  changed(*move.new_parent);
  if (move.target && !move.exchange) nlink_end(move.target);
}

// Renaming a name to another one of the same object does nothing. A file that this mount copied up and linked
// is an exception with userxattr: the kernel then takes the new name for another object, and stumbles over
// it.
Result<void> Core::same_object_renamed(const Node& node) const {
  if (options_.userxattr && node.upper && !node.is_dir() && !node.lower.empty() && node.links.size() > 1)
    return tl::unexpected(ESTALE);
  return {};
}

Result<void> Core::rename(NodeId parent, const std::string& name, NodeId new_parent,
                          const std::string& new_name, unsigned flags) {
  if (flags & ~static_cast<unsigned>(RENAME_EXCHANGE | RENAME_NOREPLACE)) return tl::unexpected(EINVAL);
  if ((flags & RENAME_EXCHANGE) && (flags & RENAME_NOREPLACE)) return tl::unexpected(EINVAL);
  std::vector<NodePtr> large;
  {
    std::unique_lock lock(tree_);
    auto move = plan_move(parent, name, new_parent, new_name, flags);
    if (!move) return forward(move);
    if (move->nothing_to_do) return move->same_name() ? Result<void>() : same_object_renamed(*move->node);
    for (const NodePtr& node : {move->node, move->exchange ? move->target : NodePtr()}) {
      if (node && node->is_regular() && !node->upper) large.push_back(node);
    }
  }
  // Data is copied without the lock; then everything is looked at again. EEXIST: the name was removed or
  // replaced meanwhile, which shows then.
  for (const NodePtr& node : large) {
    if (auto r = copy_up(node, CopyData::kNone); !r && r.error() != EEXIST) return r;
  }
  std::unique_lock lock(tree_);
  auto move = plan_move(parent, name, new_parent, new_name, flags);
  if (!move) return forward(move);
  if (move->nothing_to_do) return move->same_name() ? Result<void>() : same_object_renamed(*move->node);
  if (auto r = copy_up_for(*move); !r) return r;
  if (auto r = clear_target(*move); !r) return r;
  if (auto r = mark_for(*move); !r) return r;
  if (move->target && !move->exchange) {
    if (auto r = keep_reachable(move->target, move->target_link); !r) return r;
  }
  auto done = move_upper(*move);
  if (!done) {
    if (move->target && !move->exchange && move->target->upper && move->target->upper->parent) {
      move->target->upper->pinned = nullptr;
    }
    return done;
  }
  moved(*move);
  return {};
}

}  // namespace userlay
