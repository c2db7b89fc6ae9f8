// Merged directory listings.
#include <algorithm>
#include <unordered_map>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

constexpr std::size_t kNowhere = ~std::size_t{0};

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

// `to_show`: with inode numbers, a directory that is not merged as it is, even if it holds whiteouts, and
// without what cannot be looked up (its number is not known), all as in the kernel.
Result<std::shared_ptr<Listing>> Core::read_merged(const NodePtr& node, bool to_show) {
  auto listing = std::make_shared<Listing>();
  listing->version = node->version;
  std::vector<RealPtr> stack;
  if (node->upper) stack.push_back(node->upper);
  stack.insert(stack.end(), node->lower.begin(), node->lower.end());
  const bool alone = to_show && is_real_directory(*node);
  bool any_origin = false;
  if (alone || mutant("readdir-upper-only")) stack.resize(1);

  // Names seen so far, and their places in the list: none for a whiteout, which hides what is below, too.
  std::unordered_map<std::string, std::size_t> seen;
  // The lowest layer's names come first, as in the kernel: a name keeps its place when it is copied up.
  std::vector<Listing::Item> lowest;
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
      const auto known = alone || mutant("readdir-duplicates") ? seen.end() : seen.find(entry.name);
      if (known != seen.end()) {
        if (last && known->second != kNowhere)
          lowest.push_back(std::exchange(listing->items[known->second], {}));
        continue;
      }
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
      std::size_t* place = nullptr;
      if (!alone && !last && !(whiteout && mutant("readdir-whiteouts-hide-nothing")))
        place = &seen.emplace(entry.name, kNowhere).first->second;
      if (whiteout && !mutant("readdir-lists-whiteouts")) continue;
      std::uint64_t ino = entry.ino;
      if (to_show && xino_bits_ >= 0 && ((is_upper && node->impure) || xino_bits_ > 0)) {
        bool gone = false;
        auto shown = listed_ino(node, entry.name, gone);
        if (!shown || gone) continue;
        any_origin |= ino != *shown;
        if (is_upper && entry.type == DT_DIR && ino != *shown) listing->looked_up.push_back(entry.name);
        ino = *shown;
      }
      if (mutant("readdir-type-wrong") && entry.type == DT_LNK) entry.type = DT_REG;
      auto& items = last ? lowest : listing->items;
      if (place && !whiteout) *place = items.size();
      items.push_back({std::move(entry.name), ino, entry.type});
    }
  }
  for (auto& item : listing->items)
    if (!item.name.empty()) lowest.push_back(std::move(item));
  listing->items = std::move(lowest);
  if (alone && node->impure && xino_bits_ == 0 && !any_origin) forget_impure(*node);
  return listing;
}

void Core::changed(Node& directory) {
  ++directory.version;
  std::lock_guard guard(directory.listing_mutex);
  if (!mutant("readdir-cached")) directory.listing = nullptr;
}

Result<std::shared_ptr<Listing>> Core::list(const NodePtr& node) {
  Result<std::shared_ptr<Listing>> fresh;
  {
    std::shared_lock lock(tree_);
    {
      std::lock_guard guard(node->listing_mutex);
      if (node->listing && (node->listing->version == node->version || mutant("readdir-cached")))
        return node->listing;
    }
    fresh = read_merged(node, true);
    if (!fresh) return fresh;
    std::lock_guard guard(node->listing_mutex);
    node->listing = *fresh;
  }
  // Of two names that lead to one lower directory the one that is met first can be used, if only here.
  for (const std::string& name : (*fresh)->looked_up)
    if (const auto met = lookup(node->id, name)) nodes_.forget(met->node, 1);
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
