// UserlayVfs: open(2), openat2(2), in the order of fs/namei.c.
#include <cerrno>
#include <utility>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

// What the library wants to hear; the rest was dealt with on the way.
int library_flags(int flags) {
  return flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
}

}  // namespace

Sys<int> UserlayVfs::open(const At& at, const open_how& how) {
  const auto plan = plan_open(how);
  if (!plan) return failed(plan.error());
  auto file = plan->unnamed()     ? open_unnamed(at, *plan)
              : plan->path_only() ? open_path_only(at, *plan)
                                  : open_named(at, *plan);
  if (!file) return failed(file.error());
  return tree_->descriptors().add(std::move(*file));
}

Sys<OpenFilePtr> UserlayVfs::open_path_only(const At& at, const OpenPlan& plan) {
  auto from = context(at, plan.resolve);
  if (!from) return failed(from.error());
  auto node = PathWalk::resolve(std::move(*from), at.path, plan.follow, plan.directory);
  if (!node) return failed(node.error());
  return new_open_file(std::move(*node), plan.flags);
}

Sys<OpenFilePtr> UserlayVfs::open_unnamed(const At& at, const OpenPlan& plan) {
  auto from = context(at, plan.resolve);
  if (!from) return failed(from.error());
  const auto directory = PathWalk::resolve(std::move(*from), at.path, plan.follow, true);
  if (!directory) return failed(directory.error());
  if (overlay().read_only()) return failed(EROFS);
  if (const auto allowed = may_create(**directory); !allowed) return failed(allowed.error());
  // O_EXCL has a meaning of its own here: the file can never be given a name.
  const int flags = library_flags(plan.flags & ~O_TMPFILE) | (plan.flags & O_EXCL);
  auto made = overlay().tmpfile(caller_, (*directory)->id, flags, plan.mode);
  if (!made) return failed(made.error());
  auto file = new_open_file(hold(overlay(), made->entry), plan.flags & ~O_TMPFILE);
  file->file = std::move(made->file);
  return file;
}

Sys<OpenFilePtr> UserlayVfs::open_named(const At& at, const OpenPlan& asked) {
  OpenPlan plan = asked;
  auto walk = this->walk(at, plan.resolve);
  if (!walk) return failed(walk.error());
  for (;;) {
    const bool named = walk->last() == PathWalk::Last::name;
    if (named && walk->trailing_slash()) {
      if (plan.creates()) return failed(EISDIR);
      plan.follow = plan.directory = true;
    }
    const auto node = walk->child();
    if (!node) {
      if (node.error() != ENOENT || !named || !plan.creates()) return failed(node.error());
      auto made = create(*walk->directory(), walk->name(), plan);
      // Another one was faster: then this is an ordinary open.
      if (!made && made.error() == EEXIST && !plan.exclusive()) continue;
      return made;
    }
    if (!(*node)->is_symlink() || !plan.follow) return open_existing(*walk, *node, plan);
    if (const auto followed = walk->follow(**node); !followed) return failed(followed.error());
  }
}

Sys<OpenFilePtr> UserlayVfs::create(const Node& directory, const std::string& name, const OpenPlan& plan) {
  if (overlay().read_only()) return failed(EROFS);
  if (const auto allowed = may_create(directory); !allowed) return failed(allowed.error());
  auto made = overlay().create(caller_, directory.id, name, library_flags(plan.flags & ~O_TRUNC), plan.mode);
  if (!made) return failed(made.error());
  auto file = new_open_file(hold(overlay(), made->entry), plan.flags);
  file->file = std::move(made->file);
  return file;
}

Sys<OpenFilePtr> UserlayVfs::open_existing(const PathWalk& walk, const NodePtr& node, const OpenPlan& plan) {
  if (plan.creates()) {
    if (plan.exclusive()) return failed(EEXIST);
    if (node->is_directory()) return failed(EISDIR);
    if (const auto allowed = may_create_in_sticky(*walk.directory(), *node); !allowed)
      return failed(allowed.error());
  }
  if (plan.directory && !node->is_directory()) return failed(ENOTDIR);
  if (node->is_file() && (plan.flags & O_TRUNC) && overlay().read_only()) return failed(EROFS);
  if (const auto allowed = may_open(*node, plan); !allowed) return failed(allowed.error());

  auto file = new_open_file(node, plan.flags);
  if (node->is_directory()) {
    auto opened = overlay().opendir(node->id);
    if (!opened) return failed(opened.error());
    file->directory = std::move(*opened);
  } else if (node->is_file()) {
    auto opened = overlay().open(caller_, node->id, library_flags(plan.flags));
    if (!opened) return failed(opened.error());
    file->file = std::move(*opened);
  } else if (const auto opened = open_special(*file); !opened) {
    return failed(opened.error());
  }
  return file;
}

Sys<void> UserlayVfs::open_special(OpenFile& file) {
  if (S_ISSOCK(file.node->type)) return failed(ENXIO);
  const auto attr = overlay().getattr(file.node->id);
  if (!attr) return failed(attr.error());
  auto stand_in = tree_->special_files().of(*file.node, attr->st_rdev);
  if (!stand_in) return failed(stand_in.error() == EPERM ? EACCES : stand_in.error());
  auto opened = (*stand_in)->open(file.flags);
  if (!opened) return failed(opened.error());
  file.special_file = std::move(*stand_in);
  file.special = std::move(*opened);
  return {};
}

}  // namespace ovlcheck
