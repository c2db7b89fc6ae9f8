#include "adapters/userspace/userlay_vfs.h"

#include <cerrno>
#include <utility>

#include "harness/ops/credentials.h"

namespace ovlcheck {

Sys<std::unique_ptr<Vfs>> UserlayVfs::act_as(const Actor& actor) {
  userlay::Caller caller;
  caller.uid = tree_->ids().real_uid(actor.uid);
  caller.gid = tree_->ids().real_gid(actor.gid);
  for (const gid_t group : actor.groups) caller.groups.push_back(tree_->ids().real_gid(group));
  caller.umask = actor.umask;
  for (const std::string& name : actor.caps) {
    const int number = capability_number(name);
    if (number < 0) return failed(EINVAL);
    caller.caps |= std::uint64_t{1} << number;
  }
  return std::make_unique<UserlayVfs>(tree_, std::move(caller));
}

Sys<WalkContext> UserlayVfs::context(const At& at, std::uint64_t resolve) {
  if (at.path.size() > kPathMax) return failed(ENAMETOOLONG);
  NodePtr start = cwd_;
  // An absolute path makes no use of the descriptor, unless that is where it shall start.
  const bool uses_start = !at.path.starts_with('/') || (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT));
  if (at.dir != AT_FDCWD && uses_start) {
    const auto file = tree_->descriptors().find(at.dir);
    if (!file) return failed(file.error());
    start = (*file)->node;
    if (!at.path.empty() && !start->is_directory()) return failed(ENOTDIR);
  }
  return WalkContext{overlay(), caller_, tree_->rules(), tree_->root(), std::move(start), resolve};
}

Sys<PathWalk> UserlayVfs::walk(const At& at, std::uint64_t resolve) {
  auto from = context(at, resolve);
  if (!from) return failed(from.error());
  return PathWalk::to_last(std::move(*from), at.path);
}

Sys<NodePtr> UserlayVfs::resolve(const At& at, bool follow, bool directory) {
  auto from = context(at);
  if (!from) return failed(from.error());
  if (!at.path.empty() || at.dir == AT_FDCWD)
    return PathWalk::resolve(std::move(*from), at.path, follow, directory);
  if (directory && !from->start->is_directory()) return failed(ENOTDIR);
  return from->start;
}

Sys<NodePtr> UserlayVfs::resolve_open(const At& at, bool follow) {
  if (at.path.empty() && at.dir != AT_FDCWD) {
    const auto file = tree_->descriptors().find_open(at.dir);
    if (!file) return failed(file.error());
    return (*file)->node;
  }
  return resolve(at, follow);
}

OpenFilePtr UserlayVfs::new_open_file(NodePtr node, int flags) {
  auto file = std::make_shared<OpenFile>();
  file->node = std::move(node);
  file->flags = flags;
  file->opened_by = caller_;
  return file;
}

}  // namespace ovlcheck
