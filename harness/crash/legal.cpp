#include "harness/crash/legal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/judge/trees.h"

namespace ovlcheck {
namespace {

using Nodes = std::map<std::string, const Tree*>;

void collect(const Tree& directory, const std::string& prefix, Nodes& nodes) {
  for (const auto& [name, child] : directory.children) {
    nodes[prefix + name] = &child;
    collect(child, prefix + name + "/", nodes);
  }
}

Nodes nodes_of(const Tree& root) {
  Nodes nodes;
  collect(root, "", nodes);
  return nodes;
}

const Tree* at(const Nodes& nodes, const std::string& path) {
  const auto found = nodes.find(path);
  return found == nodes.end() ? nullptr : found->second;
}

bool same_kind(const Tree& a, const Tree& b) {
  return a.type == b.type && a.target == b.target && a.major == b.major && a.minor == b.minor;
}

// All that is looked at; times are not, nobody promises them.
bool same_node(const Tree* a, const Tree* b) {
  if (!a || !b) return a == b;
  return same_kind(*a, *b) && a->content.same_bytes(b->content) && a->mode == b->mode && a->uid == b->uid &&
         a->gid == b->gid && a->xattrs == b->xattrs;
}

// A file's bytes; nothing if it is too long to be carried.
std::optional<std::string> bytes_of(const Content& content) {
  std::string bytes;
  for (const auto& piece : content.pieces) {
    if (piece.kind == Piece::Kind::digest) return std::nullopt;
    if (piece.kind == Piece::Kind::data) bytes += piece.bytes;
    if (piece.kind == Piece::Kind::fill) bytes.append(piece.size, piece.bytes.at(0));
    if (piece.kind == Piece::Kind::hole) bytes.append(piece.size, '\0');
  }
  return bytes;
}

// Can the bytes be a mix of those of `all`, with zeroes where some of these had none?
bool is_mix(const std::string& bytes, const std::vector<std::string>& all) {
  const auto by_size = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  const auto [shortest, longest] = std::minmax_element(all.begin(), all.end(), by_size);
  if (bytes.size() > longest->size() || bytes.size() < shortest->size()) return false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool seen = std::any_of(all.begin(), all.end(), [&](const std::string& one) {
      return i < one.size() ? one[i] == bytes[i] : bytes[i] == '\0';
    });
    if (!seen) return false;
  }
  return true;
}

template <class Get>
bool one_of(const std::vector<const Tree*>& known, const Tree& found, Get&& get) {
  return std::any_of(known.begin(), known.end(), [&](const Tree* one) { return get(*one) == get(found); });
}

std::optional<std::string> attributes_illegal(const std::vector<const Tree*>& known, const Tree& found) {
  if (!one_of(known, found, [](const Tree& node) { return node.mode; })) return "has a mode it never had";
  if (!one_of(known, found, [](const Tree& node) { return std::pair(node.uid, node.gid); }))
    return "has an owner it never had";
  std::set<std::string> names;
  for (const auto& [name, value] : found.xattrs) names.insert(name);
  for (const Tree* one : known)
    for (const auto& [name, value] : one->xattrs) names.insert(name);
  for (const auto& name : names)
    if (!one_of(known, found, [&](const Tree& node) {
          const auto value = node.xattrs.find(name);
          return value == node.xattrs.end() ? std::nullopt : value->second;
        }))
      return "has a value of " + name + " it never had";
  return std::nullopt;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
}

class Judge {
 public:
  Judge(const History& history, size_t done, bool amid, const Tree& found)
      : history_(history), done_(done), found_(nodes_of(found)) {
    for (const auto& state : history.states) states_.push_back(nodes_of(state));
    last_ = std::min(states_.size() - 1, done + (amid ? 1 : 0));
  }

  std::optional<std::string> why() const {
    std::set<std::string> paths;
    for (const auto& [path, node] : found_) paths.insert(path);
    for (const auto& state : states_)
      for (const auto& [path, node] : state) paths.insert(path);
    for (const auto& path : paths)
      if (auto why = path_illegal(path)) return path + " " + *why;
    for (size_t step = safe_since("", false) + 1; step <= last_; ++step)
      if (auto why = step_illegal(step, paths)) return why;
    return std::nullopt;
  }

 private:
  // The last answered step that made the path safe: `existence` only its being there, or all of it. With the
  // empty path: that made everything safe.
  size_t safe_since(const std::string& path, bool existence) const {
    size_t since = 0;
    for (const auto& safe : history_.safe) {
      if (safe.step > done_) continue;
      const bool covers =
          safe.what == Safe::What::everything ||
          (!path.empty() && safe.what == Safe::What::file && safe.path == path) ||
          (!path.empty() && existence && safe.what == Safe::What::entries && safe.path == parent_of(path));
      if (covers) since = std::max(since, safe.step);
    }
    return since;
  }

  std::optional<std::string> path_illegal(const std::string& path) const {
    const Tree* found = at(found_, path);
    bool may_be_there = false, may_be_absent = false;
    for (size_t i = safe_since(path, true); i <= last_; ++i)
      (at(states_[i], path) ? may_be_there : may_be_absent) = true;
    if (!found) return may_be_absent ? std::nullopt : std::optional<std::string>("is gone");
    if (!may_be_there) return "is there again";
    if (!found->trouble.empty()) return "cannot be looked at: " + found->trouble;
    std::vector<const Tree*> known;
    for (size_t i = safe_since(path, false); i <= last_; ++i)
      if (const Tree* one = at(states_[i], path); one && same_kind(*one, *found)) known.push_back(one);
    if (known.empty()) return "is a " + in_words(*found) + ", which it never was";
    if (!content_legal(path, *found, known))
      return "holds " + in_words(found->content) + ", which is neither old nor new";
    return attributes_illegal(known, *found);
  }

  bool content_legal(const std::string& path, const Tree& found,
                     const std::vector<const Tree*>& known) const {
    if (one_of_contents(known, found)) return true;
    bool written = false;
    std::vector<std::string> all;
    for (const Tree* one : known)
      if (auto bytes = bytes_of(one->content)) all.push_back(*bytes);
    for (size_t step = safe_since(path, false) + 1; step <= last_; ++step) {
      const Tree *before = at(states_[step - 1], path), *after = at(states_[step], path);
      if (!history_.writes.at(step - 1) || !after || same_node(before, after)) continue;
      written = true;
      // It was made, or cut, before it was written: `put` does both.
      if (!before || after->content.size() <= before->content.size()) all.emplace_back();
    }
    const auto bytes = bytes_of(found.content);
    return written && bytes && all.size() >= known.size() && is_mix(*bytes, all);
  }

  static bool one_of_contents(const std::vector<const Tree*>& known, const Tree& found) {
    return std::any_of(known.begin(), known.end(),
                       [&](const Tree* one) { return one->content.same_bytes(found.content); });
  }

  // Did another step since the last safe state change the path too?
  bool changed_by_others(const std::string& path, size_t step) const {
    for (size_t i = safe_since("", false) + 1; i <= last_; ++i)
      if (i != step && !same_node(at(states_[i - 1], path), at(states_[i], path))) return true;
    return false;
  }

  std::optional<std::string> step_illegal(size_t step, const std::set<std::string>& paths) const {
    std::string old_path, new_path;
    for (const auto& path : paths) {
      const Tree *before = at(states_[step - 1], path), *after = at(states_[step], path);
      if (same_node(before, after) || changed_by_others(path, step)) continue;
      const Tree* found = at(found_, path);
      if (same_node(found, before)) old_path = path;
      if (same_node(found, after)) new_path = path;
    }
    if (old_path.empty() || new_path.empty()) return std::nullopt;
    return fmt::format("step {} is half done: {} is old, {} is new", step, old_path, new_path);
  }

  const History& history_;
  size_t done_, last_ = 0;
  Nodes found_;
  std::vector<Nodes> states_;
};

}  // namespace

std::optional<std::string> why_illegal(const History& history, size_t done, bool amid, const Tree& found) {
  return Judge(history, done, amid, found).why();
}

std::optional<size_t> state_of(const History& history, const Tree& found) {
  const Nodes nodes = nodes_of(found);
  for (size_t i = history.states.size(); i-- > 0;) {
    const Nodes state = nodes_of(history.states[i]);
    const bool same =
        state.size() == nodes.size() && std::all_of(state.begin(), state.end(), [&](const auto& one) {
          return same_node(one.second, at(nodes, one.first));
        });
    if (same) return i;
  }
  return std::nullopt;
}

}  // namespace ovlcheck
