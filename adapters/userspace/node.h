// Node: a node of the overlay that stays known to the library as long as someone points to it.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <utility>

#include "adapters/userspace/userlay/userlay.h"

namespace ovlcheck {

struct Node {
  userlay::NodeId id = 0;
  mode_t type = 0;       // S_IFMT bits, which never change
  userlay::NodeRef ref;  // empty for the root, which is always there

  bool is_directory() const { return S_ISDIR(type); }
  bool is_file() const { return S_ISREG(type); }
  bool is_symlink() const { return S_ISLNK(type); }
};

using NodePtr = std::shared_ptr<const Node>;

// Takes over the lookup that came with `entry`.
inline NodePtr hold(userlay::Overlay& overlay, const userlay::Entry& entry) {
  return std::make_shared<const Node>(
      Node{entry.node, entry.attr.st_mode & S_IFMT, userlay::NodeRef(overlay, entry.node)});
}

}  // namespace ovlcheck
