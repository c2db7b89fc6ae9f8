#include "harness/case/tree.h"

namespace ovlcheck {

const char* type_name(NodeType type) {
  switch (type) {
    case NodeType::file:
      return "file";
    case NodeType::directory:
      return "dir";
    case NodeType::symlink:
      return "symlink";
    case NodeType::fifo:
      return "fifo";
    case NodeType::socket:
      return "socket";
    case NodeType::character:
      return "char";
    case NodeType::block:
      return "block";
    case NodeType::hardlink:
      return "hardlink";
    case NodeType::whiteout:
      return "whiteout";
  }
  return "?";
}

const Tree* find_node(const Tree& root, std::string_view path) {
  const Tree* node = &root;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == path.npos ? std::string_view() : path.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    const auto child = node->children.find(std::string(name));
    if (child == node->children.end()) return nullptr;
    node = &child->second;
  }
  return node;
}

Tree* find_node(Tree& root, std::string_view path) {
  return const_cast<Tree*>(find_node(static_cast<const Tree&>(root), path));
}

}  // namespace ovlcheck
