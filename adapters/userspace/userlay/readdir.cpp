// Merged directory listings.
#include <algorithm>
#include <unordered_map>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

unsigned char type_of(mode_t mode) {
  return static_cast<unsigned char>((mode & S_IFMT) >> 12);
}

}  // namespace

// The inode number stat shows for a name whose upper object may have an origin.
Result<ino_t> Core::listed_ino(const NodePtr& node, const std::string& name, bool& gone) {
  if (NodePtr known = nodes_.child(*node, name)) {
    auto st = attr(known);
    if (!st) return forward(st);
    return st->st_ino;
  }
  auto found = find(*node, name);
  if (!found) return forward(found);
  gone = !found->positive();
  if (gone) return ino_t{0};
  const RealPtr& top = found->upper ? found->upper : found->lower.front();
  const bool origin =
      !mutant("readdir-ino-of-copy") && found->upper && !found->lower.empty() && keyed_by_lower(*found);
  const Real& shown = origin && (found->indexed || top->is_dir() || found->lower.front()->nlink == 1)
                          ? *found->lower.front()
                          : *top;
  struct stat st {};
  st.st_ino = shown.id.ino;
  Node like(0, S_IFREG);
  map_inode(like, st, shown.layer == 0 ? 0 : layers_[static_cast<std::size_t>(shown.layer)].fsid);
  return st.st_ino;
}

// Best effort: an impure mark that no entry needs only costs time.
void Core::forget_impure(Node& directory) {
  auto where = fds_.locate(directory.upper);
  if (where && !read_only_ && sys::remove_xattr(*where, marks_[Mark::kImpure])) directory.impure = false;
}

// `real_as_is`: a directory that is not merged is shown as it is, even if it holds whiteouts, as in the
// kernel.
Result<std::shared_ptr<Listing>> Core::read_merged(const NodePtr& node, bool real_as_is) {
  auto listing = std::make_shared<Listing>();
  listing->version = node->version;
  std::vector<RealPtr> stack;
  if (node->upper) stack.push_back(node->upper);
  stack.insert(stack.end(), node->lower.begin(), node->lower.end());
  const bool alone = real_as_is && is_real_directory(*node);
  bool any_origin = false;
  if (alone || mutant("readdir-upper-only")) stack.resize(1);

  // Names seen so far; whiteouts hide what is below, too.
  std::unordered_map<std::string, bool> seen;
  for (const RealPtr& real : stack) {
    auto where = fds_.locate(real);
    if (!where) return forward(where);
    auto dir = fds_.directory(real);
    if (!dir) return forward(dir);
    auto entries = sys::read_directory(At{*dir, ""}, real->layer != 0);
    if (!entries) return forward(entries);
    const bool last = real == stack.back();
    const bool is_upper = real->layer == 0;
    for (auto& entry : *entries) {
      if (!alone && seen.contains(entry.name) && !mutant("readdir-duplicates")) continue;
      bool whiteout = false;
      const bool suspect = (entry.type == DT_CHR && !alone) || entry.type == DT_UNKNOWN ||
                           (entry.type == DT_REG && node->xwhiteouts && !is_upper);
      if (suspect) {
        const At child{*dir, entry.name};
        auto st = sys::stat(child);
        if (!st) continue;
        whiteout = !alone && MarkReader(marks_, child).is_whiteout(*st);
        entry.type = type_of(st->st_mode);
      }
      if (!alone && !last && !(whiteout && mutant("readdir-whiteouts-hide-nothing")))
        seen.emplace(entry.name, whiteout);
      if (whiteout && !mutant("readdir-lists-whiteouts")) continue;
      std::uint64_t ino = entry.ino;
      if (xino_bits_ >= 0 && ((is_upper && node->impure) || xino_bits_ > 0)) {
        bool gone = false;
        auto shown = listed_ino(node, entry.name, gone);
        if (!shown) return forward(shown);
        if (gone) continue;
        any_origin |= ino != *shown;
        ino = *shown;
      }
      if (mutant("readdir-type-wrong") && entry.type == DT_LNK) entry.type = DT_REG;
      listing->items.push_back({std::move(entry.name), ino, entry.type});
    }
  }
  if (alone && node->impure && xino_bits_ == 0 && !any_origin) forget_impure(*node);
  return listing;
}

void Core::changed(Node& directory) {
  ++directory.version;
  std::lock_guard guard(directory.listing_mutex);
  if (!mutant("readdir-cached")) directory.listing = nullptr;
}

Result<std::shared_ptr<Listing>> Core::list(const NodePtr& node) {
  std::shared_lock lock(tree_);
  {
    std::lock_guard guard(node->listing_mutex);
    if (node->listing && (node->listing->version == node->version || mutant("readdir-cached")))
      return node->listing;
  }
  auto fresh = read_merged(node, true);
  if (!fresh) return fresh;
  std::lock_guard guard(node->listing_mutex);
  node->listing = *fresh;
  return fresh;
}

Result<void> Core::check_listable(const NodePtr& node) {
  std::shared_lock lock(tree_);
  if (node->removed) return tl::unexpected(ENOENT);
  return {};
}

Result<std::pair<ino_t, ino_t>> Core::dot_inos(const NodePtr& node) {
  std::shared_lock lock(tree_);
  auto self = attr(node);
  if (!self) return forward(self);
  auto above = attr(node->links.empty() ? node : node->links.front().parent);
  if (!above) return forward(above);
  return std::pair{self->st_ino, above->st_ino};
}

// What an open directory remembers.
struct DirState {
  Core& core;
  NodePtr node;
  bool unchanged, alone;
  std::mutex mutex;
  std::shared_ptr<Listing> listing;
};

Directory::Directory(std::unique_ptr<DirState> state) : state_(std::move(state)) {}

Directory::~Directory() {
  {
    std::lock_guard guard(state_->node->listing_mutex);
    --state_->node->times_open;
  }
  state_->core.nodes().forget(state_->node->id, 1);
}

NodeId Directory::node() const {
  return state_->node->id;
}

bool Directory::unchanged() const {
  return state_->unchanged;
}

bool Directory::alone() const {
  return state_->alone;
}

Result<void> Directory::read(off_t offset, const std::function<bool(const DirEntry&)>& sink) {
  if (offset < 0) return tl::unexpected(EINVAL);
  std::shared_ptr<Listing> listing;
  {
    std::lock_guard lock(state_->mutex);
    if ((offset == 0 && !mutant("rewind-keeps-listing")) || !state_->listing) {
      auto fresh = state_->core.list(state_->node);
      if (!fresh) return forward(fresh);
      state_->listing = *fresh;
    }
    listing = state_->listing;
  }
  if (auto listable = state_->core.check_listable(state_->node); !listable) return listable;
  if (offset < 2) {
    auto inos = state_->core.dot_inos(state_->node);
    if (!inos) return forward(inos);
    if (offset == 0 && !sink({".", inos->first, DT_DIR, 1})) return {};
    if (!sink({"..", inos->second, DT_DIR, 2})) return {};
    offset = 2;
  }
  for (std::size_t i = static_cast<std::size_t>(offset) - 2; i < listing->items.size(); ++i) {
    const Listing::Item& item = listing->items[i];
    if (!sink(
            {item.name, item.ino, item.type, static_cast<off_t>(i) + (mutant("readdir-skips-one") ? 4 : 3)}))
      return {};
  }
  return {};
}

Result<void> Directory::fsync(bool datasync) {
  if (state_->core.volatile_mount()) return {};
  auto fd = state_->core.open_upper_directory(state_->node);
  if (!fd) return forward(fd);
  if (!*fd) return {};  // nothing to sync below
  return ok_or_errno(datasync ? ::fdatasync(fd->get()) : ::fsync(fd->get()));
}

Result<Fd> Core::open_upper_directory(const NodePtr& node) {
  std::shared_lock lock(tree_);
  if (!node->upper) return Fd();
  auto where = fds_.locate(node->upper);
  if (!where) return forward(where);
  return sys::reopen(*where, O_RDONLY | O_DIRECTORY);
}

Result<std::unique_ptr<Directory>> Core::opendir(NodeId id) {
  auto found = directory(id);
  if (!found) return forward(found);
  const NodePtr& node = *found;
  std::shared_lock lock(tree_);
  std::lock_guard guard(node->listing_mutex);
  const bool unchanged = node->opened_version == node->version;
  node->opened_version = node->version;
  nodes_.ref(node);
  // Who goes on with a listing that is still valid goes on with its offsets.
  const bool listed = node->listing && node->listing->version == node->version;
  const bool alone = node->times_open++ == 0;
  auto state = std::unique_ptr<DirState>(
      new DirState{*this, node, unchanged, alone, {}, listed ? node->listing : nullptr});
  return std::unique_ptr<Directory>(new Directory(std::move(state)));
}

}  // namespace userlay
