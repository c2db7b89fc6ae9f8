// PathWalk: the kernel's path resolution (namei) beneath the root of an overlay.
#pragma once

#include <cstdint>
#include <string>

#include "adapters/userspace/host_rules.h"
#include "adapters/userspace/node.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// Longest path and name in bytes; longer ones are ENAMETOOLONG.
inline constexpr std::size_t kPathMax = 4095;
inline constexpr std::size_t kNameMax = 255;

// Who walks where: the start is the current directory or that of a descriptor.
struct WalkContext {
  userlay::Overlay& overlay;
  const userlay::Caller& caller;
  const HostRules& rules;
  NodePtr root;
  NodePtr start;
  std::uint64_t resolve = 0;  // RESOLVE_* of openat2(2)
};

// Walks a path up to its last component, which the caller then looks up, creates or removes. Every step needs
// search permission for the directory it is taken in.
class PathWalk {
 public:
  enum class Last { name, dot, dotdot, root };

  // Walks to the last component of `path`. ENOENT for an empty path.
  static Sys<PathWalk> to_last(WalkContext context, const std::string& path);
  // Resolves the whole path. ENOTDIR if a directory is asked for (or implied by a trailing slash) and it is
  // none.
  static Sys<NodePtr> resolve(WalkContext context, const std::string& path, bool follow, bool directory);

  // The directory that holds the last component; the node itself where last() is not a name.
  const NodePtr& directory() const { return here_; }
  Last last() const { return last_; }
  const std::string& name() const { return name_; }
  bool trailing_slash() const { return slash_; }

  // The last component's node, not following a symbolic link.
  Sys<NodePtr> child();
  // Replaces the last component by the target of the link found there and walks to the last component of
  // that.
  Sys<void> follow(const Node& link);
  // Follows links (where `follow` says so) until the last component is none.
  Sys<NodePtr> finish(bool follow, bool directory);

 private:
  explicit PathWalk(WalkContext context);
  Sys<void> begin(std::string path);
  Sys<void> walk();
  void take_component();
  Sys<void> step();
  Sys<NodePtr> lookup() const;
  Sys<NodePtr> parent();
  Sys<void> jump_to_root();
  Sys<std::string> target_of(const Node& link);
  Sys<void> may_follow(const Node& link) const;

  WalkContext context_;
  NodePtr here_;
  std::string rest_;  // of the path, not walked yet
  std::string name_;
  Last last_ = Last::root;
  bool slash_ = false;
  int links_ = 0;
  bool knows_root_ = false;
};

}  // namespace ovlcheck
