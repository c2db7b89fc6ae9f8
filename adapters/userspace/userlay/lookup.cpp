// What a name means: searching the layers, following redirects and metacopies, turning the result into a
// node.
#include <algorithm>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {

// The state of one search through the layers.
struct Core::Search {
  std::string name;      // what to look for next; replaced by redirects
  std::string redirect;  // the last redirect followed
  struct stat found {};  // attributes of what was found last
  bool absolute = false;
  bool is_dir = false;
  bool opaque = false;
  bool xwhiteouts = false;
  bool stop = false;
  bool last = false;  // nothing below matters any more
  int metacopy = 0;
};

Result<RealPtr> Core::add_child_real(const RealPtr& parent, std::string name, const struct stat& st) {
  auto real = std::make_shared<Real>(&fds_, parent->layer, st);
  real->parent = parent;
  real->name = std::move(name);
  if (real->is_dir() && real->layer != 0 && layers_[static_cast<std::size_t>(real->layer)].plain)
    real->names = std::make_unique<NameSet>();
  return real;
}

Result<void> Core::follow_redirect(Search& s, MarkReader& marks, std::string_view prefix,
                                   std::string_view rest) {
  s.absolute = false;
  auto target = marks.redirect();
  if (!target) return forward(target);
  if (target->empty() || mutant("redirect-not-followed")) return {};
  if (target->front() == '/') {
    s.absolute = true;
    // An opaque ancestor stopped the search, but this mark says explicitly where to go on.
    s.stop = false;
    s.redirect = *target;
  } else {
    s.redirect = std::string(prefix) + *target;
  }
  s.redirect += rest;
  s.name = s.redirect;
  return {};
}

// Looks at one path element in one layer. `rest` is what follows it. Null when nothing (more) is there.
Result<RealPtr> Core::find_single(Search& s, const RealPtr& base, int layer, std::string_view element,
                                  std::string_view prefix, std::string_view rest) {
  const bool last_element = rest.empty();
  // A redirect may hold them; they would lead out of the layer (fs/namei.c, lookup_noperm_common).
  if (element == "." || element == "..") return tl::unexpected(EACCES);
  if (base->names && base->names->lacks(NameSet::hash(element))) return RealPtr();
  auto at = fds_.child(base, std::string(element));
  if (!at) return forward(at);
  auto st = sys::stat(*at);
  if (!st) {
    if (st.error() == ENOENT && base->names) base->names->missed(At{at->dir, ""});
    if (st.error() == ENOENT || st.error() == ENAMETOOLONG) return RealPtr();
    return forward(st);
  }
  s.found = *st;
  MarkReader marks(marks_, *at);
  if (marks.is_whiteout(*st) &&
      !(mutant("whiteout-shown") || (mutant("lower-whiteout-shown") && layer != 0))) {
    s.stop = s.opaque = !mutant("whiteout-hides-nothing");
    return RealPtr();
  }
  if (last_element && s.metacopy && !S_ISREG(st->st_mode)) {
    s.stop = true;
    return RealPtr();
  }
  if (!S_ISDIR(st->st_mode)) {
    if (s.is_dir || !last_element) {
      s.stop = !mutant("file-between-dirs-ignored");
      return RealPtr();
    }
    auto size = S_ISREG(st->st_mode) ? marks.metacopy() : Result<int>(0);
    if (!size) return forward(size);
    s.metacopy = *size;
    s.stop = s.metacopy == 0;
    if (s.stop || s.last) return add_child_real(base, std::move(at->name), *st);
  } else {
    if (traps_.contains(Identity{st->st_dev, st->st_ino})) return tl::unexpected(ELOOP);
    if (last_element) s.is_dir = true;
    if (s.last) return add_child_real(base, std::move(at->name), *st);
    const char opaque = marks.flag(Mark::kOpaque);
    if (last_element && layer != 0 && opaque == 'x') {
      s.xwhiteouts = true;
    } else if (opaque == 'y' && !mutant("opaque-ignored")) {
      s.stop = true;
      if (last_element) s.opaque = true;
      return add_child_real(base, std::move(at->name), *st);
    }
  }
  const std::string name = at->name;
  if (mutant("redirect-not-followed-from-lower") && layer != 0) return add_child_real(base, name, *st);
  if (auto r = follow_redirect(s, marks, prefix, rest); !r) return forward(r);
  return add_child_real(base, name, *st);
}

// Looks for s.name, a component or an absolute path in the layer.
Result<RealPtr> Core::find_in_layer(Search& s, const RealPtr& base, int layer) {
  if (s.name.front() != '/') return find_single(s, base, layer, std::string(s.name), "", "");
  RealPtr here = base;
  // Counted from the end, because a redirect on the way replaces the beginning.
  std::size_t remaining = s.name.size() - 1;
  while (here && here->is_dir()) {
    const std::string path = s.name;
    const std::size_t start = path.size() - remaining;
    const std::size_t end = std::min(path.find('/', start), path.size());
    auto next =
        find_single(s, here, layer, path.substr(start, end - start), path.substr(0, start), path.substr(end));
    if (!next) return next;
    here = *next;
    if (end == path.size()) return here;
    remaining -= end - start + 1;
  }
  return RealPtr();
}

Result<void> Core::find_upper(Search& s, const Node& parent, Found& found) {
  auto upper = find_in_layer(s, parent.upper, 0);
  if (!upper) return forward(upper);
  found.upper = *upper;
  if (*upper) found.top = s.found;
  found.upper_by_name = found.upper != nullptr;
  found.upper_metacopy = found.upper && !s.is_dir && s.metacopy;
  found.redirect = s.redirect;
  found.opaque = s.opaque;
  found.whiteout = !found.upper && s.opaque;
  return {};
}

// Redirects lead around permission checks, so they are obeyed only when the mount says so.
bool Core::may_follow(const Search& s) const {
  if (s.metacopy && !options_.metacopy) return false;
  return s.redirect.empty() || mutant("nofollow-follows") || options_.redirect_dir != RedirectMode::kNoFollow;
}

Result<void> Core::find_lower(Search& s, const Node& parent, Found& found) {
  const bool follow = options_.redirect_dir != RedirectMode::kNoFollow;
  const auto* stack = &parent.lower;
  if (found.upper && s.redirect.starts_with('/')) stack = &root_->lower;
  for (std::size_t i = 0; !s.stop && i < stack->size(); ++i) {
    if (!may_follow(s)) return tl::unexpected(EPERM);
    const RealPtr& base = (*stack)[i];
    if (!follow && data_layers_ == 0) {
      s.last = i + 1 == stack->size();
    } else if (s.is_dir || data_layers_ == 0) {
      s.last = base->layer == lower_count();
    }
    auto real = find_in_layer(s, base, base->layer);
    if (!real) return forward(real);
    if (mutant("second-lower-ignored") && i > 0) break;
    if (!*real) continue;
    if (found.upper && found.lower.empty() && s.is_dir) {
      if (auto r = fix_origin(parent, found.upper, *real); !r) return r;
    }
    if (!found.positive()) found.top = s.found;
    // Metacopies between the topmost and the data are only waypoints.
    if (!s.metacopy || found.lower.empty()) found.lower.push_back(*real);
    if (s.stop) break;
    if (s.redirect.starts_with('/') && stack != &root_->lower) {
      stack = &root_->lower;
      i = static_cast<std::size_t>((*real)->layer) - 1;
    }
  }
  return {};
}

Result<void> Core::finish_data_layers(Search& s, Found& found) {
  if (s.metacopy && !found.lower.empty() && data_layers_ && s.absolute) {
    s.metacopy = 0;
    found.data_redirect = s.redirect;
    return {};
  }
  if (!may_follow(s)) return tl::unexpected(EPERM);
  return {};
}

Result<Found> Core::find(const Node& parent, const std::string& name) {
  if (name.size() > name_max_) return tl::unexpected(ENAMETOOLONG);
  Found found;
  Search s;
  s.name = name;
  s.last = options_.redirect_dir == RedirectMode::kNoFollow && parent.lower.empty();
  if (parent.upper) {
    if (auto r = find_upper(s, parent, found); !r) return forward(r);
  }
  if (auto r = find_lower(s, parent, found); !r) return forward(r);
  if (auto r = finish_data_layers(s, found); !r) return forward(r);
  found.xwhiteouts = s.xwhiteouts;
  if (s.metacopy || (found.upper_metacopy && found.lower.empty())) return tl::unexpected(EIO);
  if (found.upper && !found.upper->is_dir()) {
    auto at = fds_.locate(found.upper);
    if (!at) return forward(at);
    MarkReader marks(marks_, *at);
    auto value = marks.get(Mark::kOrigin);
    if (value && found.lower.empty()) {
      struct stat like {};
      like.st_mode = found.upper->type;
      auto origin = decode_origin(*value, like);
      if (!origin) return forward(origin);
      if (*origin) found.lower.push_back(*origin);
    }
  }
  if (options_.index) {
    if (auto r = find_index(found); !r) return forward(r);
  }
  return found;
}

bool Core::lower_positive(const Node& parent, const std::string& name) {
  if (mutant("hidden-lower-forgotten") && parent.lower.size() > 1) return false;
  const std::size_t hash = NameSet::hash(name);
  for (const RealPtr& base : parent.lower) {
    if (base->names && base->names->lacks(hash)) continue;
    auto at = fds_.child(base, name);
    if (!at) return true;  // something is there, it just cannot be seen
    auto st = sys::stat(*at);
    if (st) return mutant("lower-whiteout-counts") || !MarkReader(marks_, *at).is_whiteout(*st);
    if (st.error() != ENOENT && st.error() != ENAMETOOLONG) return true;
  }
  return false;
}

// Is the node found by the identity of the lower object? Not when that object is or will be split by copy_up.
bool Core::keyed_by_lower(const Found& found) const {
  if (found.lower.empty()) return false;
  if (found.indexed) return true;
  if (!layers_[0].root) return true;
  const Real& lower = *found.lower.front();
  return lower.is_dir() || lower.nlink == 1 || (!found.upper && options_.index);
}

bool Core::same_object(const Node& node, const Found& found) const {
  const Real* lower = found.lower.empty() ? nullptr : found.lower.front().get();
  if (node.is_dir()) {
    if (!lower && !node.lower.empty()) return false;
    if (!found.upper && node.upper) return false;
  }
  if (lower && (node.lower.empty() || node.lower.front()->id != lower->id)) return false;
  return !found.upper || (node.upper && node.upper->id == found.upper->id);
}

// Fills a new node from what was found.
Result<void> Core::describe(Node& node, const Found& found) {
  node.upper = found.upper;
  node.lower = found.lower;
  node.redirect = found.redirect;
  node.data_redirect = found.data_redirect;
  node.opaque = found.opaque;
  node.xwhiteouts = found.xwhiteouts;
  node.indexed = found.indexed;
  node.upper_data = found.upper && !found.upper_metacopy;
  node.const_ino = keyed_by_lower(found);
  node.nlink = read_nlink(found, node.metadata()->nlink);
  if (!node.is_dir()) {
    node.may_be_setid = true;
    return {};
  }
  node.private_ino = private_inos_.fetch_add(1);
  auto where = at(node);
  if (!where) return forward(where);
  MarkReader marks(marks_, *where);
  node.impure = node.upper && marks.flag(Mark::kImpure) == 'y';
  node.may_have_whiteouts =
      (node.upper && !node.lower.empty()) || node.lower.size() > 1 || marks.has(Mark::kOrigin);
  return {};
}

Result<NodePtr> Core::instantiate(const NodePtr& parent, const std::string& name, Found found) {
  const bool by_lower = keyed_by_lower(found);
  const bool keyed = found.upper || by_lower;
  const Identity key = by_lower ? found.lower.front()->id : found.upper ? found.upper->id : Identity{};
  Link link{parent, name, found.upper_by_name};
  if (keyed) {
    if (NodePtr known = nodes_.by_identity(key)) {
      if (!same_object(*known, found)) return tl::unexpected(ESTALE);
      const bool listed = std::any_of(known->links.begin(), known->links.end(),
                                      [&](const Link& l) { return l.parent == parent && l.name == name; });
      if (known->links.empty() && found.upper && found.upper_by_name) {
        // Its last known name is gone: from now on it is reached by this one.
        known->upper->parent = found.upper->parent;
        known->upper->name = found.upper->name;
        known->upper->pinned = nullptr;
      }
      if (!listed) known->links.push_back(std::move(link));
      nodes_.set_child(*parent, name, known);
      return known;
    }
  }
  const mode_t type = (found.upper ? found.upper : found.lower.front())->type;
  auto node = std::make_shared<Node>(nodes_.next_id(), type);
  if (auto r = describe(*node, found); !r) return forward(r);
  node->links.push_back(std::move(link));
  if (keyed) nodes_.set_identity(key, node);
  nodes_.set_child(*parent, name, node);
  nodes_.touch(node);
  return node;
}

// ENOENT when the name is negative. Needs the exclusive lock, because it may add a node.
Result<NodePtr> Core::resolve(const NodePtr& parent, const std::string& name) {
  if (NodePtr known = nodes_.child(*parent, name)) return known;
  if (parent->removed) return tl::unexpected(ENOENT);
  auto found = find(*parent, name);
  if (!found) return forward(found);
  if (!found->positive()) return tl::unexpected(ENOENT);
  return instantiate(parent, name, std::move(*found));
}

// A regular file at an absolute path in one data-only layer, out of which no path leads; neither symlinks nor
// marks mean anything there.
Result<RealPtr> Core::find_data(const RealPtr& root, std::string_view path) {
  std::vector<RealPtr> way{root};
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string element(path.substr(0, path.find('/')));
    path.remove_prefix(element.size());
    if (element == "..") {
      if (way.size() == 1) return tl::unexpected(EXDEV);
      way.pop_back();
    }
    if (element == "." || element == "..") continue;
    const RealPtr& here = way.back();
    auto at = fds_.child(here, element);
    if (!at) return forward(at);
    auto st = sys::stat(*at);
    if (!st) return forward(st);
    if (path.empty() && !S_ISREG(st->st_mode)) return tl::unexpected(ENOENT);
    if (!path.empty() && !S_ISDIR(st->st_mode)) return tl::unexpected(S_ISLNK(st->st_mode) ? ELOOP : ENOTDIR);
    auto next = add_child_real(here, element, *st);
    if (!next) return next;
    way.push_back(*next);
  }
  if (way.back()->is_dir()) return tl::unexpected(ENOENT);
  return way.back();
}

// The lower object that holds the data of a metacopy or a lower file.
Result<RealPtr> Core::lower_data(const NodePtr& node) {
  if (node->data_redirect.empty()) return node->lower.empty() ? RealPtr() : node->lower.back();
  Result<RealPtr> data = tl::unexpected(ENOENT);
  for (std::size_t i = static_cast<std::size_t>(lower_count()) + 1; i < layers_.size() && !data; ++i) {
    data = find_data(layers_[i].root, node->data_redirect);
  }
  return data;
}

Result<RealPtr> Core::data_of(const NodePtr& node) {
  if (node->upper && node->upper_data) return node->upper;
  auto data = lower_data(node);
  if (data && !*data) return tl::unexpected(EIO);
  return data;
}

Result<NodePtr> Core::node(NodeId id) {
  if (NodePtr found = nodes_.get(id)) return found;
  return tl::unexpected(ESTALE);
}

Result<NodePtr> Core::directory(NodeId id) {
  auto found = node(id);
  if (found && !(*found)->is_dir()) return tl::unexpected(ENOTDIR);
  return found;
}

Result<Entry> Core::entry(const NodePtr& node) {
  auto st = attr(node);
  if (!st) return forward(st);
  nodes_.ref(node);
  return Entry{node->id, *st};
}

void Core::used_by_name(Node& node, const Node& parent, const std::string& name) {
  if (node.links.size() < 2) return;
  if (auto link = link_index(node, parent, name)) node.current_link = *link;
}

Result<Entry> Core::entry_by_name(const NodePtr& node, const Node& parent, const std::string& name) {
  used_by_name(*node, parent, name);
  return entry(node);
}

Result<Entry> Core::lookup(NodeId parent_id, const std::string& name) {
  for (;;) {
    Found found;
    std::uint64_t version;
    {
      std::shared_lock lock(tree_);
      auto parent = directory(parent_id);
      if (!parent) return forward(parent);
      if (NodePtr known = nodes_.child(**parent, name)) return entry_by_name(known, **parent, name);
      if (auto r = check_name(name); !r) return forward(r);
      if ((*parent)->removed) return tl::unexpected(ENOENT);
      version = (*parent)->version;
      auto result = find(**parent, name);
      if (!result) return forward(result);
      if (!result->positive()) return tl::unexpected(ENOENT);
      found = std::move(*result);
    }
    std::unique_lock lock(tree_);
    auto parent = directory(parent_id);
    if (!parent) return forward(parent);
    if (NodePtr known = nodes_.child(**parent, name)) return entry_by_name(known, **parent, name);
    if ((*parent)->version != version) continue;  // what was found may be out of date
    const struct stat top = found.top;
    auto node = instantiate(*parent, name, std::move(found));
    if (!node) return forward(node);
    // What has another name may have been changed by that since it was found, and a merged directory by being
    // found.
    const bool as_found =
        (*node)->is_dir() ? !(*node)->upper : top.st_nlink == 1 && (*node)->links.size() == 1;
    if (!as_found) return entry_by_name(*node, **parent, name);
    auto st = attr(*node, top);
    if (!st) return forward(st);
    nodes_.ref(*node);
    return Entry{(*node)->id, *st};
  }
}

Result<Entry> Core::parent(NodeId id) {
  std::shared_lock lock(tree_);
  auto node = directory(id);
  if (!node) return forward(node);
  if ((*node)->links.empty()) {
    if (*node == root_) return entry(root_);
    if ((*node)->removed_from) return entry((*node)->removed_from);
    return tl::unexpected(ENOENT);
  }
  return entry((*node)->links.front().parent);
}

}  // namespace userlay
