#include "adapters/userspace/path_walk.h"

#include <cerrno>
#include <utility>

namespace ovlcheck {
namespace {

constexpr int kMaxLinks = 40;

}  // namespace

PathWalk::PathWalk(WalkContext context) : context_(std::move(context)) {
  if (context_.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) {
    context_.root = context_.start;
    knows_root_ = true;
  }
  here_ = context_.start;
}

Sys<PathWalk> PathWalk::to_last(WalkContext context, const std::string& path) {
  if (path.empty()) return failed(ENOENT);
  PathWalk walk(std::move(context));
  if (auto begun = walk.begin(path); !begun) return failed(begun.error());
  return walk;
}

Sys<NodePtr> PathWalk::resolve(WalkContext context, const std::string& path, bool follow, bool directory) {
  auto walk = to_last(std::move(context), path);
  if (!walk) return failed(walk.error());
  return walk->finish(follow, directory);
}

Sys<NodePtr> PathWalk::finish(bool follow, bool directory) {
  for (;;) {
    if (last_ == Last::name && slash_) follow = directory = true;
    auto node = child();
    if (!node) return node;
    if ((*node)->is_symlink() && follow) {
      if (auto followed = this->follow(**node); !followed) return failed(followed.error());
      continue;
    }
    if (directory && !(*node)->is_directory()) return failed(ENOTDIR);
    return node;
  }
}

Sys<void> PathWalk::begin(std::string path) {
  rest_ = std::move(path);
  if (rest_.starts_with('/')) {
    if (context_.resolve & RESOLVE_BENEATH) return failed(EXDEV);
    here_ = context_.root;
    knows_root_ = true;
  }
  return walk();
}

// nd_jump_root(). The kernel looks the root up only when a path first needs it, and until then takes it for
// one of another mount.
Sys<void> PathWalk::jump_to_root() {
  if (context_.resolve & RESOLVE_BENEATH) return failed(EXDEV);
  if ((context_.resolve & RESOLVE_NO_XDEV) && !knows_root_) return failed(EXDEV);
  here_ = context_.root;
  knows_root_ = true;
  return {};
}

Sys<void> PathWalk::walk() {
  rest_.erase(0, rest_.find_first_not_of('/'));
  if (rest_.empty()) {
    last_ = Last::root;
    slash_ = false;
    return {};
  }
  for (;;) {
    if (auto allowed = context_.overlay.permission(context_.caller, here_->id, X_OK); !allowed)
      return allowed;
    take_component();
    if (rest_.empty()) return {};
    if (auto stepped = step(); !stepped) return stepped;
  }
}

// Moves the next component from rest_ to name_, slashes after it gone.
void PathWalk::take_component() {
  const auto end = rest_.find('/');
  name_ = rest_.substr(0, end);
  slash_ = end != std::string::npos;
  rest_.erase(0, slash_ ? rest_.find_first_not_of('/', end) : std::string::npos);
  last_ = name_ == "." ? Last::dot : name_ == ".." ? Last::dotdot : Last::name;
}

// Enters the component that was taken and is not the last one.
Sys<void> PathWalk::step() {
  auto node = child();
  if (!node) return failed(node.error());
  if ((*node)->is_symlink()) {
    auto target = target_of(**node);
    if (!target) return failed(target.error());
    rest_ = *target + "/" + rest_;
    if (!target->starts_with('/')) return {};
    rest_.erase(0, rest_.find_first_not_of('/'));
    return jump_to_root();
  }
  if (!(*node)->is_directory()) return failed(ENOTDIR);
  here_ = *node;
  return {};
}

Sys<NodePtr> PathWalk::child() {
  switch (last_) {
    case Last::name:
      return lookup();
    case Last::dotdot:
      return parent();
    case Last::dot:
    case Last::root:
      break;
  }
  return here_;
}

Sys<NodePtr> PathWalk::lookup() const {
  if (name_.size() > kNameMax) return failed(ENAMETOOLONG);
  auto entry = context_.overlay.lookup(here_->id, name_);
  if (!entry) return failed(entry.error());
  return hold(context_.overlay, *entry);
}

Sys<NodePtr> PathWalk::parent() {
  knows_root_ = true;
  if (here_->id == context_.root->id) {
    if (context_.resolve & RESOLVE_BENEATH) return failed(EXDEV);
    return here_;
  }
  auto entry = context_.overlay.parent(here_->id);
  if (!entry) return failed(entry.error());
  return hold(context_.overlay, *entry);
}

Sys<void> PathWalk::follow(const Node& link) {
  if (auto allowed = may_follow(link); !allowed) return allowed;
  auto target = target_of(link);
  if (!target) return failed(target.error());
  if (target->starts_with('/')) {
    if (const auto jumped = jump_to_root(); !jumped) return jumped;
  }
  rest_ = slash_ ? *target + "/" : *target;
  return walk();
}

Sys<std::string> PathWalk::target_of(const Node& link) {
  if (++links_ > kMaxLinks) return failed(ELOOP);
  if (context_.resolve & RESOLVE_NO_SYMLINKS) return failed(ELOOP);
  return context_.overlay.readlink(link.id);
}

// fs.protected_symlinks: in a sticky directory that everyone may write to, only the links of its owner and
// one's own are followed.
Sys<void> PathWalk::may_follow(const Node& link) const {
  if (!context_.rules.protected_symlinks) return {};
  auto link_attr = context_.overlay.getattr(link.id);
  if (!link_attr) return failed(link_attr.error());
  auto dir_attr = context_.overlay.getattr(here_->id);
  if (!dir_attr) return failed(dir_attr.error());
  const mode_t exposed = S_ISVTX | S_IWOTH;
  if (link_attr->st_uid == context_.caller.uid || (dir_attr->st_mode & exposed) != exposed ||
      link_attr->st_uid == dir_attr->st_uid)
    return {};
  return failed(EACCES);
}

}  // namespace ovlcheck
