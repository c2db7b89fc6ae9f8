// Overlay inodes and the table that finds them by id, by identity of their layer object and by name.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/userspace/userlay/real.h"

namespace userlay {

struct Node;
using NodePtr = std::shared_ptr<Node>;

// A name of a node.
struct Link {
  NodePtr parent;
  std::string name;
  bool in_upper = false;  // this very name exists in upper
};

// One merged listing of a directory.
struct Listing {
  struct Item {
    std::string name;
    std::uint64_t ino;
    unsigned char type;
  };
  std::uint64_t version = 0;
  std::vector<Item> items;
  std::vector<std::string> looked_up;  // directories of upper with a lower part elsewhere
};

// An overlay object. Without a comment saying otherwise, members change under the exclusive tree lock and are
// read under either.
struct Node {
  explicit Node(NodeId number, mode_t file_type) : id(number), type(file_type) {}

  bool is_dir() const { return type == S_IFDIR; }
  bool is_regular() const { return type == S_IFREG; }
  bool merged() const {
    if (!upper) return lower.size() > 1;
    return !lower.empty() && (is_dir() || !upper_data);
  }
  // In upper with a known lower origin, whose inode number stays visible.
  bool has_origin() const { return upper && !lower.empty() && const_ino; }
  bool merged_or_lower() const { return merged() || !upper; }
  // Metadata and data are in different layers.
  bool metacopy() const { return is_regular() && (upper ? !upper_data : lower.size() > 1); }
  // A directory that exists in upper only and holds no whiteouts.
  bool pure_upper() const { return lower.empty() && !may_have_whiteouts; }
  // An index into links, valid unless there are none.
  std::size_t link_in_use() const { return current_link < links.size() ? current_link.load() : 0; }
  const RealPtr& metadata() const { return upper ? upper : lower.front(); }

  const NodeId id;
  const mode_t type;        // S_IFMT bits
  std::vector<Link> links;  // empty: the root, unlinked or never linked
  RealPtr upper;
  std::vector<RealPtr> lower;  // directories: to merge; files: metadata (or origin), then data when elsewhere
  std::string redirect;        // the redirect mark of upper
  std::string data_redirect;   // where to look in the data-only layers, until found
  bool opaque = false;
  bool xwhiteouts = false;
  bool upper_data = true;  // upper is not a metacopy
  bool const_ino = false;  // keyed by lower, so st_ino survives copy_up
  bool indexed = false;
  bool may_have_whiteouts = false;
  bool removed = false;                     // a directory that was removed
  NodePtr removed_from;                     // its parent then, which ".." still leads to
  nlink_t nlink = 1;                        // union count, meaningful when indexed
  std::uint64_t private_ino = 0;            // for directories whose layer inode numbers are not unique
  mutable std::atomic<bool> impure{false};  // upper has the mark
  std::atomic<int> default_acl{-1};         // whether upper has a default ACL: -1 unknown

  std::uint64_t version = 0;  // of a directory's contents
  std::mutex listing_mutex;   // of the three below
  std::shared_ptr<Listing> listing;
  std::optional<std::uint64_t> opened_version;  // what the last opendir saw
  unsigned times_open = 0;

  // Append-only and immutable, as FS_APPEND_FL and FS_IMMUTABLE_FL; -1 until someone asks.
  std::atomic<int> protection{-1};

  // The name it was last looked up by, which is the one that changes to it should bring to upper.
  std::atomic<std::size_t> current_link{0};

  std::mutex copy_mutex;                     // serialises copy_up; taken before the tree lock
  bool lower_data_used = false;              // under copy_mutex
  std::atomic<std::uint32_t> data_epoch{0};  // grows when the data moves to upper
  std::atomic<bool> may_be_setid{false};     // writes must check for set-id bits

  std::uint64_t lookups = 0;  // under the table's lock
};

class NodeTable {
 public:
  // `keep`: how many recently used nodes stay in memory without being referenced.
  explicit NodeTable(std::size_t keep) : keep_(keep) {}

  NodeId next_id() { return ids_.fetch_add(1); }
  NodePtr get(NodeId id);
  // Counts a lookup.
  void ref(const NodePtr& node);
  void forget(NodeId id, std::uint64_t count);
  bool referenced(const Node& node);

  NodePtr child(const Node& parent, const std::string& name);
  NodePtr by_identity(const Identity& identity);
  void set_child(const Node& parent, const std::string& name, const NodePtr& node);
  void drop_child(const Node& parent, const std::string& name);
  void set_identity(const Identity& identity, const NodePtr& node);
  void drop_identity(const Identity& identity, const Node& node);
  // Keeps the node in memory for a while.
  void touch(const NodePtr& node);

 private:
  struct Name {
    NodeId parent;
    std::string name;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& n) const {
      return std::hash<std::string>()(n.name) ^ (n.parent * 0x9E3779B97F4A7C15ull);
    }
  };
  template <class Map>
  static void sweep(Map& map, std::size_t& limit);

  const std::size_t keep_;
  std::atomic<NodeId> ids_{kRootNode};
  std::mutex mutex_;
  std::unordered_map<NodeId, NodePtr> referenced_;  // lookups > 0
  std::unordered_map<Name, std::weak_ptr<Node>, NameHash> names_;
  std::unordered_map<Identity, std::weak_ptr<Node>, IdentityHash> identities_;
  std::size_t names_limit_ = 1024;
  std::size_t identities_limit_ = 1024;
  std::vector<NodePtr> recent_;  // a ring
  std::size_t next_recent_ = 0;
};

}  // namespace userlay
