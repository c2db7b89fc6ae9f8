// unlink and rmdir: removing from upper, and hiding what is in lower layers with whiteouts.
#include <algorithm>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {

Result<std::size_t> Core::link_index(const Node& node, const Node& parent, const std::string& name) const {
  for (std::size_t i = 0; i < node.links.size(); ++i) {
    if (node.links[i].parent.get() == &parent && node.links[i].name == name) return i;
  }
  return tl::unexpected(ENOENT);
}

// ENOTEMPTY, or whether its upper part holds whiteouts.
Result<bool> Core::check_empty(const NodePtr& directory) {
  auto listing = read_merged(directory, false);
  if (!listing) return forward(listing);
  if (!(*listing)->items.empty() && !mutant("rmdir-ignores-entries")) return tl::unexpected(ENOTEMPTY);
  if (!directory->upper) return false;
  auto where = fds_.locate(directory->upper);
  if (!where) return forward(where);
  auto entries = sys::read_directory(*where);
  if (!entries) return forward(entries);
  if (!entries->empty() && mutant("rmdir-counts-whiteouts")) return tl::unexpected(ENOTEMPTY);
  return !entries->empty();
}

// A new whiteout in the work directory. All are hard links of one inode, as long as upper allows.
Result<std::string> Core::new_whiteout() {
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  const int dir = (*work)->get();
  if (shared_whiteout_.empty()) {
    std::string name = temp_name();
    if (auto r = sys::mknod(dir, name.c_str(), S_IFCHR, 0); !r) return forward(r);
    if (!share_whiteouts_) return name;
    shared_whiteout_ = std::move(name);
  }
  std::string name = temp_name();
  auto linked = sys::link(At{*work, shared_whiteout_}, dir, name.c_str());
  if (linked) return name;
  if (linked.error() != EMLINK) share_whiteouts_ = false;
  return std::exchange(shared_whiteout_, std::string());
}

// Puts a whiteout in place of whatever the name is in upper. With `exchange` the directory that was there is
// returned to the work directory under the whiteout's old name.
Result<void> Core::whiteout_name(const At& where, bool exchange) {
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  auto temp = new_whiteout();
  if (!temp) return forward(temp);
  auto moved =
      sys::rename((*work)->get(), temp->c_str(), where.fd(), where.c_str(), exchange ? RENAME_EXCHANGE : 0);
  if (!moved) {
    (void)sys::unlink((*work)->get(), temp->c_str());
    return moved;
  }
  if (exchange) return discard_work(*temp);
  return {};
}

// Removes a directory of whiteouts that was moved to the work directory. It is out of sight: what cannot be
// removed now is removed by the next mount.
Result<void> Core::discard_work(const std::string& name) {
  if (mutant("work-littered")) return {};
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  if (sys::rmdir((*work)->get(), name.c_str())) return {};
  auto dir = sys::open_at((*work)->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!dir) return {};
  const At here{share(std::move(*dir)), ""};
  auto entries = sys::read_directory(here);
  if (!entries) return {};
  for (const auto& entry : *entries) (void)sys::unlink(here.fd(), entry.name.c_str());
  (void)sys::rmdir((*work)->get(), name.c_str());
  return {};
}

// Nothing in lower layers: the name can simply go.
Result<void> Core::remove_upper(const At& where, const Node& node, bool has_whiteouts) {
  if (!node.is_dir()) return sys::unlink(where.fd(), where.c_str());
  if (!has_whiteouts) return sys::rmdir(where.fd(), where.c_str());
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  const std::string temp = temp_name();
  if (auto r = sys::rename(where.fd(), where.c_str(), (*work)->get(), temp.c_str()); !r) return r;
  return discard_work(temp);
}

// Makes sure a node someone still uses can be reached after this name of it is gone.
Result<void> Core::keep_reachable(const NodePtr& node, std::size_t link) {
  const Link& name = node->links[link];
  if (!node->upper || node->upper->pinned) return {};
  if (node->upper->parent != name.parent->upper || node->upper->name != name.name) return {};
  for (std::size_t i = 0; i < node->links.size(); ++i) {
    if (i == link || !node->links[i].in_upper) continue;
    node->upper->parent = node->links[i].parent->upper;
    node->upper->name = node->links[i].name;
    return {};
  }
  if (!nodes_.referenced(*node) || mutant("removed-file-unreachable")) return {};
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  auto fd = sys::open_at(where->fd(), where->c_str(), O_PATH | O_NOFOLLOW);
  if (!fd) return forward(fd);
  node->upper->pinned = share(std::move(*fd));
  return {};
}

// Forgets a name that is gone.
void Core::unlinked(const NodePtr& node, std::size_t link) {
  const Link gone = node->links[link];
  node->links.erase(node->links.begin() + static_cast<std::ptrdiff_t>(link));
  if (!mutant("removed-name-cached")) nodes_.drop_child(*gone.parent, gone.name);
  if (node->is_dir()) {
    node->removed = true;
    node->removed_from = gone.parent;
  }
  if (node->indexed && !mutant("index-unlink-not-counted") && node->nlink > (node->links.empty() ? 0u : 1u))
    --node->nlink;
  bool dead = node->links.empty() && (node->is_dir() || !node->upper);
  if (node->upper && !node->is_dir()) {
    auto where = fds_.locate(node->upper);
    auto st = where ? sys::stat(*where) : Result<struct stat>(forward(where));
    dead = !st || st->st_nlink == 0;
  }
  if (!dead) return;
  if (node->upper) nodes_.drop_identity(node->upper->id, *node);
  if (!node->lower.empty()) nodes_.drop_identity(node->lower.front()->id, *node);
}

Result<void> Core::remove(NodeId parent_id, const std::string& name, bool directory_wanted) {
  std::unique_lock lock(tree_);
  auto parent = directory(parent_id);
  if (!parent) return forward(parent);
  if (auto r = check_name(name); !r) return r;
  if (read_only_) return tl::unexpected(EROFS);
  auto found = resolve(*parent, name);
  if (!found) return forward(found);
  const NodePtr node = *found;
  if (directory_wanted && !node->is_dir() && !mutant("rmdir-takes-files")) return tl::unexpected(ENOTDIR);
  if (!directory_wanted && node->is_dir() && !mutant("unlink-takes-directories"))
    return tl::unexpected(EISDIR);
  if (auto r = may_move_away(**parent, *node); !r) return r;
  const bool below = !node->upper || (lower_positive(**parent, name) && !mutant("whiteout-forgotten")) ||
                     mutant("whiteout-needless");
  bool has_whiteouts = false;
  if (node->is_dir() && (below || !node->pure_upper())) {
    auto empty = check_empty(node);
    if (!empty) return forward(empty);
    has_whiteouts = *empty;
  }
  if (auto r = copy_up_locked(*parent, 0, CopyData::kNone, nullptr); !r) return r;
  auto link = link_index(*node, **parent, name);
  if (!link) return forward(link);
  if (auto r = nlink_start(node, *link); !r) return r;
  if (auto r = keep_reachable(node, *link); !r) return r;
  auto where = upper_child(**parent, name);
  if (!where) return forward(where);
  const bool in_upper = node->links[*link].in_upper;
  auto removed =
      below ? whiteout_name(*where, in_upper && node->is_dir()) : remove_upper(*where, *node, has_whiteouts);
  if (!removed) {
    if (node->upper && node->upper->parent) node->upper->pinned = nullptr;
    return removed;
  }
  changed(**parent);
  unlinked(node, *link);
  nlink_end(node);
  return {};
}

}  // namespace userlay
