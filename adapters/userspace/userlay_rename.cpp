// UserlayVfs: rename(2) and renameat2(2), in the order of do_renameat2() and vfs_rename().
#include <linux/fs.h>

#include <cerrno>
#include <utility>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {

Sys<bool> UserlayVfs::holds(const Node& node, const NodePtr& below) {
  NodePtr at = below;
  while (at->id != node.id) {
    if (at->id == userlay::kRootNode) return false;
    const auto parent = overlay().parent(at->id);
    if (!parent) return failed(parent.error());
    auto above = hold(overlay(), *parent);
    // A removed directory may be its own parent.
    if (above->id == at->id) return false;
    at = std::move(above);
  }
  return true;
}

// Where slashes at the end and directories above each other forbid it.
Sys<void> UserlayVfs::may_move(const Move& move) {
  const bool exchange = move.flags & RENAME_EXCHANGE;
  if (exchange) {
    if (!move.target) return failed(ENOENT);
    if (!move.target->is_directory() && move.to->trailing_slash()) return failed(ENOTDIR);
  }
  if (!move.source->is_directory()) {
    if (move.from->trailing_slash()) return failed(ENOTDIR);
    if (!exchange && move.to->trailing_slash()) return failed(ENOTDIR);
  }
  if (move.from->directory()->id == move.to->directory()->id) return {};
  const auto into_itself = holds(*move.source, move.to->directory());
  if (!into_itself) return failed(into_itself.error());
  if (*into_itself) return failed(EINVAL);
  if (!move.target) return {};
  const auto over_parent = holds(*move.target, move.from->directory());
  if (!over_parent) return failed(over_parent.error());
  if (*over_parent) return failed(exchange ? EINVAL : ENOTEMPTY);
  return {};
}

// What the caller's credentials and the kinds of the two files allow.
Sys<void> UserlayVfs::permit_move(const Move& move) {
  const bool exchange = move.flags & RENAME_EXCHANGE;
  const NodePtr& old_dir = move.from->directory();
  const NodePtr& new_dir = move.to->directory();
  const bool source_is_directory = move.source->is_directory();
  if (const auto allowed = may_delete(*old_dir, *move.source); !allowed) return allowed;
  if (!move.target) {
    if (const auto allowed = may_create(*new_dir); !allowed) return allowed;
  } else {
    if (const auto allowed = may_delete(*new_dir, *move.target); !allowed) return allowed;
    const bool target_is_directory = move.target->is_directory();
    if (!exchange && source_is_directory && !target_is_directory) return failed(ENOTDIR);
    if (!exchange && !source_is_directory && target_is_directory) return failed(EISDIR);
  }
  if (old_dir->id == new_dir->id) return {};
  // A directory that gets another ".." is written to.
  if (source_is_directory) {
    if (const auto allowed = may(*move.source, W_OK); !allowed) return allowed;
  }
  if (exchange && move.target->is_directory()) return may(*move.target, W_OK);
  return {};
}

Sys<void> UserlayVfs::rename(const At& from, const At& to, unsigned flags) {
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) return failed(EINVAL);
  if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return failed(EINVAL);
  auto old_walk = walk(from);
  if (!old_walk) return failed(old_walk.error());
  auto new_walk = walk(to);
  if (!new_walk) return failed(new_walk.error());
  if (old_walk->last() != PathWalk::Last::name) return failed(EBUSY);
  if (new_walk->last() != PathWalk::Last::name) return failed(flags & RENAME_NOREPLACE ? EEXIST : EBUSY);
  if (overlay().read_only()) return failed(EROFS);

  const auto source = old_walk->child();
  if (!source) return failed(source.error());
  const auto target = new_walk->child();
  if (!target && target.error() != ENOENT) return failed(target.error());
  if (target && (flags & RENAME_NOREPLACE)) return failed(EEXIST);
  const Move move{&*old_walk, &*new_walk, *source, target ? *target : nullptr, flags};
  if (const auto allowed = may_move(move); !allowed) return allowed;
  const auto allowed = permit_move(move);
  // Two names of one file: nothing to do, whoever asks for whatever. The library finds out whether they still
  // are, but refuses a whiteout even then.
  const bool one_file = move.target && move.source->id == move.target->id;
  if (one_file && (!allowed || (flags & RENAME_WHITEOUT))) return {};
  if (!allowed) return allowed;
  return overlay().rename(old_walk->directory()->id, old_walk->name(), new_walk->directory()->id,
                          new_walk->name(), flags);
}

}  // namespace ovlcheck
