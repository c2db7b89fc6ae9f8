#include <algorithm>
#include <string_view>

#include "harness/ops/dialect.h"

namespace ovlcheck {
namespace {

// The directories of the layers that one merged directory is made of, topmost first.
struct Part {
  size_t layer = 0;
  const Tree* node = nullptr;   // the file itself
  const Tree* entry = nullptr;  // the name it was found under: another node if that is a hard link
};
using Parts = std::vector<Part>;

// Why the search for a name goes no deeper.
enum class Below { seen, hidden };

std::string_view next_component(std::string_view& path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component;
}

class Flattener {
 public:
  explicit Flattener(std::vector<const Tree*> layers) : layers_(std::move(layers)) {}

  Tree all() {
    Parts roots;
    for (size_t i = 0; i < layers_.size(); ++i) roots.push_back({i, layers_[i], layers_[i]});
    return directory(visible(roots), "");
  }

 private:
  // What lies below an opaque directory is not part of it.
  static Parts visible(Parts parts) {
    const auto opaque = std::find_if(parts.begin(), parts.end(),
                                     [](const Part& part) { return part.node->marks.opaque == "y"; });
    if (opaque != parts.end()) parts.erase(opaque + 1, parts.end());
    return parts;
  }

  Tree directory(const Parts& parts, const std::string& path) {
    Tree shown = *parts.front().node;
    shown.marks = {};
    shown.children.clear();
    for (const Part& part : parts)
      for (const auto& [name, child] : part.node->children)
        if (!shown.children.contains(name)) show(parts, name, path, shown);
    return shown;
  }

  void show(const Parts& parents, const std::string& name, const std::string& path, Tree& shown) {
    const Parts found = look_up(parents, name);
    if (found.empty()) return;
    const std::string at = path.empty() ? name : path + "/" + name;
    shown.children[name] =
        found.front().node->type == NodeType::directory ? directory(found, at) : other(found, at);
  }

  // The node of that name in each layer that contributes to it; for a file with metacopy, down to its data.
  Parts look_up(const Parts& parents, const std::string& name) const {
    Parts found;
    Parts where = parents;
    std::string wanted = name;
    for (size_t i = 0; i < where.size(); ++i) {
      const auto [below, node, entry] = descend(where[i], wanted);
      if (node != nullptr) {
        const bool fits = found.empty() || node->type == found.front().node->type;
        if (!fits) break;
        found.push_back({where[i].layer, node, entry});
        if (node->type == NodeType::directory ? node->marks.opaque == "y" : !node->marks.metacopy) break;
        redirect(node->marks, where, i, wanted);
      }
      if (below == Below::hidden) break;
    }
    return found;
  }

  struct Step {
    Below below = Below::seen;
    const Tree* node = nullptr;  // null: not in this layer
    const Tree* entry = nullptr;
  };

  // `path` below one directory of a layer; more than one component only after an absolute redirect.
  Step descend(const Part& from, std::string_view path) const {
    const Tree* node = from.node;
    const Tree* entry = node;
    Below below = Below::seen;
    while (!path.empty()) {
      if (node->type != NodeType::directory) return {Below::hidden};
      if (node != from.node && node->marks.opaque == "y") below = Below::hidden;
      const auto child = node->children.find(std::string(next_component(path)));
      if (child == node->children.end()) return {below};
      node = entry = &child->second;
      if (node->type == NodeType::whiteout) return {Below::hidden};
      if (node->type == NodeType::hardlink) node = find_node(*layers_[from.layer], node->target);
      if (node == nullptr) return {Below::hidden};
    }
    return {below, node, entry};
  }

  // From the layer below `i` on, the name is the one the redirect says: a sibling, or a path from the root.
  void redirect(const Marks& marks, Parts& where, size_t i, std::string& wanted) const {
    if (!marks.redirect) return;
    if (marks.redirect->starts_with('/')) {
      const size_t layer = where[i].layer;
      where.resize(i + 1);
      for (size_t below = layer + 1; below < layers_.size(); ++below)
        where.push_back({below, layers_[below], layers_[below]});
      wanted = *marks.redirect;
    } else {
      const size_t slash = wanted.rfind('/');
      wanted = (slash == wanted.npos ? "" : wanted.substr(0, slash + 1)) + *marks.redirect;
    }
  }

  // A node that is no directory. Names of one file stay names of one file; a name seen twice, where a
  // redirect leads into a directory that is visible itself, gives two files.
  Tree other(const Parts& found, const std::string& path) {
    const Tree* top = found.front().node;
    if (const auto [first, is_new] = shown_at_.try_emplace(top, Shown{found.front().entry, path});
        !is_new && first->second.entry != found.front().entry) {
      Tree link;
      link.type = NodeType::hardlink;
      link.target = first->second.path;
      return link;
    }
    Tree shown = *top;
    shown.marks = {};
    shown.content = found.back().node->content;
    return shown;
  }

  const std::vector<const Tree*> layers_;
  struct Shown {
    const Tree* entry;
    std::string path;
  };
  std::map<const Tree*, Shown> shown_at_;
};

}  // namespace

Tree flatten(const Tree* upper, const std::vector<Tree>& lowers) {
  std::vector<const Tree*> layers;
  if (upper != nullptr) layers.push_back(upper);
  for (const Tree& lower : lowers) layers.push_back(&lower);
  if (layers.empty()) return {};
  return Flattener(std::move(layers)).all();
}

}  // namespace ovlcheck
