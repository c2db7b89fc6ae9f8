// The overlay itself: layers, nodes and locks. The methods are spread over one file per subject.
//
// Locks, in the order they are taken: Node::copy_mutex, tree_, then the small ones inside NodeTable and
// FdCache. tree_ is held shared to look and exclusive to change names, nodes or layers' places of objects.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "adapters/userspace/userlay/marks.h"
#include "adapters/userspace/userlay/node.h"

namespace userlay {

struct Layer {
  RealPtr root;
  Fd readable;   // O_RDONLY descriptor of the root, when it may be opened
  int fsid = 0;  // which of the different file systems; upper's is 0
  dev_t dev = 0;
  sys::Uuid uuid{};
  bool uuid_usable = true;  // unique among the lower file systems
  bool can_decode = false;  // file handles can be opened
  bool plain = false;       // see sys::is_plain_fs()
};

// Is the directory upper or work of an overlay, here or in another process?
bool in_use(int directory);

// What a name means, before it becomes a node.
struct Found {
  RealPtr upper;
  std::vector<RealPtr> lower;
  bool whiteout = false;  // negative, because upper holds a whiteout
  bool opaque = false;
  bool xwhiteouts = false;
  bool upper_metacopy = false;
  bool indexed = false;        // upper was (also) found through the index
  bool upper_by_name = false;  // upper has this very name
  std::string redirect;
  std::string data_redirect;
  struct stat top {};  // attributes of upper, else of the topmost lower
  bool positive() const { return upper || !lower.empty(); }
  bool is_dir() const { return upper ? upper->is_dir() : lower.front()->is_dir(); }
};

// What a new object shall look like.
struct NewObject {
  mode_t mode = 0;  // with file type
  dev_t rdev = 0;
  std::string target;  // of a symlink
  NodePtr hardlink;    // instead of everything above
  int open_flags = 0;  // of a regular file to be opened
};

// How much of a file's data copy_up must bring along.
enum class CopyData { kNone, kAll, kTruncated };

// Data copied to an unnamed file before the tree lock was taken.
struct PreparedCopy {
  Fd file;
  bool ready = false;
};

// Removes what an interrupted mount left, as deep as the kernel does; `level` counts directories below the
// work base. EINVAL for "work/incompat" with something in it.
Result<void> clean_leftover(const At& directory, const std::string& name, bool is_dir, int level);

// Can these bytes be a handle in the format of origin marks and index names? EINVAL if not, ENODATA if they
// are of a version, with flags or from a machine that is not known here.
Result<void> check_handle_format(std::string_view value);

class Core {
 public:
  explicit Core(Options options);
  ~Core();

  // mount.cpp
  Result<void> set_up(const MountSpec& spec);

  // The public operations; see userlay.h.
  Result<Entry> lookup(NodeId parent, const std::string& name);
  Result<Entry> parent(NodeId directory);
  Result<struct stat> getattr(NodeId id);
  Result<timespec> birth_time(NodeId id);
  Result<struct stat> setattr(const Caller& caller, NodeId id, const SetAttr& change);
  Result<std::string> readlink(NodeId id);
  Result<Entry> create_object(const Caller& caller, NodeId parent, const std::string& name, NewObject what);
  Result<Entry> link(NodeId id, NodeId parent, const std::string& name);
  Result<void> remove(NodeId parent, const std::string& name, bool directory);
  Result<void> rename(NodeId parent, const std::string& name, NodeId new_parent, const std::string& new_name,
                      unsigned flags);
  Result<std::unique_ptr<File>> open(const Caller& caller, NodeId id, int flags);
  Result<OpenedFile> create(const Caller& caller, NodeId parent, const std::string& name, int flags,
                            mode_t mode);
  Result<OpenedFile> tmpfile(const Caller& caller, NodeId parent, int flags, mode_t mode);
  Result<std::unique_ptr<Directory>> opendir(NodeId id);
  Result<std::string> getxattr(NodeId id, const std::string& name);
  Result<void> setxattr(const Caller& caller, NodeId id, const std::string& name, std::string_view value,
                        int flags);
  Result<void> removexattr(NodeId id, const std::string& name);
  Result<std::vector<std::string>> listxattr(const Caller& caller, NodeId id);
  Result<unsigned> get_flags(NodeId id);
  Result<void> set_flags(NodeId id, unsigned flags);
  Result<struct statvfs> statfs();
  Result<void> syncfs();
  Result<void> permission(const Caller& caller, NodeId id, int mask);
  Result<void> may_setattr(const Caller& caller, NodeId id, const SetAttr& change);
  Result<void> may_delete(const Caller& caller, NodeId parent, NodeId child);
  Result<void> may_setxattr(const Caller& caller, NodeId id, const std::string& name);

  NodeTable& nodes() { return nodes_; }
  const Options& options() const { return options_; }
  bool read_only() const { return read_only_; }
  bool closing_may_fail() const { return !read_only_ && !layers_[0].plain; }
  bool volatile_mount() const { return options_.fsync == FsyncMode::kVolatile; }

  // For File and Directory.
  Result<Fd> open_data(const NodePtr& node, int flags);
  Result<void> drop_set_id(const Caller& caller, const NodePtr& node);
  Result<std::shared_ptr<Listing>> list(const NodePtr& node);
  // ENOENT once it was removed.
  Result<void> check_listable(const NodePtr& node);
  Result<std::pair<ino_t, ino_t>> dot_inos(const NodePtr& node);
  Result<bool> in_upper(const NodePtr& node);
  Result<Fd> open_upper_directory(const NodePtr& node);

 private:
  // mount.cpp
  Result<void> open_layers(const MountSpec& spec);
  Result<void> add_layer(const LayerDir& dir, bool upper);
  Result<Fd> open_layer(const LayerDir& dir);
  Result<void> assign_fsids();
  Result<void> check_overlaps();
  // Takes upper or work for this overlay alone; EBUSY with index=on if another one has it.
  Result<void> claim(const Real& directory, Fd& claimed);
  Result<void> make_root();
  Result<void> set_uuid();
  bool allow_offline_changes() const;

  // workdir.cpp
  Result<void> make_workdir();
  Result<void> probe_upper_features();
  Result<void> mark_volatile();
  std::string temp_name();
  Result<RealPtr> real_at(const At& at, int layer);

  // lookup.cpp
  struct Search;
  Result<RealPtr> find_single(Search& search, const RealPtr& base, int layer, std::string_view element,
                              std::string_view prefix, std::string_view rest);
  Result<RealPtr> find_in_layer(Search& search, const RealPtr& base, int layer);
  Result<void> follow_redirect(Search& search, MarkReader& marks, std::string_view prefix,
                               std::string_view rest);
  Result<void> find_lower(Search& search, const Node& parent, Found& found);
  bool may_follow(const Search& search) const;
  Result<RealPtr> find_data(const RealPtr& root, std::string_view path);
  Result<void> finish_data_layers(Search& search, Found& found);
  Result<void> find_upper(Search& search, const Node& parent, Found& found);
  Result<Found> find(const Node& parent, const std::string& name);
  Result<NodePtr> resolve(const NodePtr& parent, const std::string& name);
  Result<NodePtr> instantiate(const NodePtr& parent, const std::string& name, Found found);
  Result<void> describe(Node& node, const Found& found);
  bool keyed_by_lower(const Found& found) const;
  bool same_object(const Node& node, const Found& found) const;
  bool lower_positive(const Node& parent, const std::string& name);
  Result<RealPtr> lower_data(const NodePtr& node);
  Result<RealPtr> data_of(const NodePtr& node);
  Result<void> fix_origin(const Node& parent, const RealPtr& upper, const RealPtr& lower);
  Result<RealPtr> add_child_real(const RealPtr& parent, std::string name, const struct stat& st);

  // origin.cpp
  Result<std::string> encode_handle(const RealPtr& real);
  Result<std::string> origin_value(const RealPtr& lower);
  Result<RealPtr> decode_origin(const std::string& value, const struct stat& upper);
  Result<void> set_origin(const At& at, const RealPtr& lower);
  Result<void> set_impure(Node& directory);
  Result<void> set_mark(const At& at, Mark mark, std::string_view value, int unsupported);

  // index.cpp
  Result<void> set_up_index();
  Result<std::string> index_name(const RealPtr& lower);
  Result<void> find_index(Found& found);
  bool needs_index(const Node& node) const;
  Result<void> set_nlink(const Node& node, char relative_to);
  nlink_t read_nlink(const Found& found, nlink_t fallback);
  Result<void> nlink_start(const NodePtr& node, std::size_t link);
  void nlink_end(const NodePtr& node);
  Result<void> clean_index();

  // attr.cpp
  Result<struct stat> attr(const NodePtr& node);
  Result<struct stat> attr(const NodePtr& node, struct stat of_layer);
  void map_inode(const Node& node, struct stat& st, int fsid) const;
  Result<Entry> entry(const NodePtr& node);
  Result<Entry> entry_by_name(const NodePtr& node, const Node& parent, const std::string& name);
  void used_by_name(Node& node, const Node& parent, const std::string& name);
  Result<void> apply(const Caller& caller, const NodePtr& node, const SetAttr& change);
  Result<void> truncate(const NodePtr& node, off_t size);
  Result<void> drop_privilege_bits(const Caller& caller, const NodePtr& node, bool after_chown);

  // copy_up.cpp
  Result<void> copy_up(const NodePtr& node, CopyData data);
  Result<void> copy_up_locked(const NodePtr& node, std::size_t link, CopyData data, PreparedCopy* prepared);
  Result<void> copy_up_one(const NodePtr& node, std::size_t link, CopyData data, PreparedCopy* prepared);
  Result<void> copy_up_to(const NodePtr& node, CopyData data, PreparedCopy* prepared,
                          const RealPtr& directory, const std::string& name, bool with_origin);
  Result<void> link_up(const NodePtr& node, std::size_t link);
  Result<void> complete_data(const NodePtr& node, CopyData data);
  Result<PreparedCopy> prepare_data(const NodePtr& node, CopyData data);
  Result<Fd> unnamed_file(mode_t mode);
  Result<void> copy_metadata(const NodePtr& node, const struct stat& from, const At& source, const At& target,
                             CopyData data, bool with_origin);
  Result<void> copy_xattrs(const At& source, const At& target);
  Result<void> copy_flags(const At& source, const At& target);
  Result<void> copy_stat(const struct stat& from, const At& target);
  bool copied_up(const Node& node, std::size_t link, CopyData data) const;
  bool wants_metacopy(const Node& node, CopyData data) const;

  // create.cpp
  Result<std::pair<NodePtr, Fd>> create_unnamed(const Caller& caller, const NodePtr& parent, int flags,
                                                mode_t mode);
  Result<NodePtr> create_locked(const Caller& caller, NodeId parent, const std::string& name, NewObject what,
                                Fd* opened);
  Result<void> make_real(const At& where, const NewObject& what, mode_t mode, Fd* opened);
  struct Appearance;
  Result<Appearance> appearance(const Caller& caller, const Node& parent, const NewObject& what);
  Result<void> dress(const At& at, const Appearance& look, bool apply_acl);
  Result<void> create_in_place(const NodePtr& parent, const std::string& name, const NewObject& what,
                               const Appearance& look, Fd* opened);
  Result<void> create_over_whiteout(const NodePtr& parent, const std::string& name, const NewObject& what,
                                    const Appearance& look, Fd* opened);
  Result<void> check_name(const std::string& name) const;
  Result<void> check_new_name(const NodePtr& parent, const std::string& name, Found& found);
  Result<bool> has_default_acl(const Node& directory);

  // remove.cpp
  Result<bool> check_empty(const NodePtr& directory);
  Result<void> whiteout_name(const At& where, bool exchange);
  Result<std::string> new_whiteout();
  Result<void> discard_work(const std::string& name);
  Result<void> remove_upper(const At& where, const Node& node, bool has_whiteouts);
  Result<void> keep_reachable(const NodePtr& node, std::size_t link);
  void unlinked(const NodePtr& node, std::size_t link);
  Result<std::size_t> link_index(const Node& node, const Node& parent, const std::string& name) const;

  // rename.cpp
  struct Move;
  Result<Move> plan_move(NodeId parent, const std::string& name, NodeId new_parent,
                         const std::string& new_name, unsigned flags);
  Result<void> check_move(Move& move);
  Result<void> copy_up_for(Move& move);
  Result<void> mark_for(const Move& move);
  Result<void> clear_target(Move& move);
  Result<void> move_upper(Move& move);
  void moved(const Move& move);
  Result<void> set_redirect(const NodePtr& node, std::size_t link, bool same_directory);
  Result<std::string> absolute_redirect(const Node& node, std::size_t link) const;
  Result<void> same_object_renamed(const Node& node) const;
  bool can_move(const Node& node) const;

  // readdir.cpp
  Result<std::shared_ptr<Listing>> read_merged(const NodePtr& node, bool to_show);
  void forget_impure(Node& directory);
  Result<ino_t> listed_ino(const NodePtr& node, const std::string& name, bool& gone);
  bool is_real_directory(const Node& node) const { return !node.merged() && !node.may_have_whiteouts; }

  // file.cpp
  Result<std::unique_ptr<File>> adopt_file(const NodePtr& node, int flags, Fd fd, std::uint32_t epoch);

  // protect.cpp
  int protection(Node& node);
  Result<void> may_change(Node& node);
  Result<void> may_open(Node& node, int flags);
  Result<void> may_setattr_protected(Node& node, const SetAttr& change);
  Result<void> may_move_away(Node& parent, Node& node);
  Result<void> may_add_to(Node& directory);

  // xattr.cpp
  Result<std::string> own_name(const std::string& name) const;

  Result<NodePtr> node(NodeId id);
  Result<NodePtr> directory(NodeId id);
  Result<At> at(const Node& node) { return fds_.locate(node.metadata()); }
  Result<At> upper_child(const Node& parent, const std::string& name) {
    return fds_.child(parent.upper, name);
  }
  void changed(Node& directory);
  int lower_count() const { return static_cast<int>(layers_.size()) - 1 - data_layers_; }

  Options options_;
  MarkNames marks_;
  FdCache fds_;
  NodeTable nodes_;
  std::shared_mutex tree_;
  NodePtr root_;
  std::vector<Layer> layers_;  // [0] is upper, without a root when there is none; data-only layers last
  int data_layers_ = 0;
  std::optional<sys::Uuid> own_uuid_;  // of this overlay, kept in upper
  int fs_count_ = 0;                   // different file systems, upper's place included
  bool one_device_ = false;            // see MountSpec
  int xino_bits_ = -1;                 // 0: all layers on one file system; -1: numbers are not unified
  bool read_only_ = false;
  bool no_xattr_ = false;
  bool has_tmpfile_ = false;
  std::size_t name_max_ = 0;
  Fd claimed_upper_, claimed_work_;
  std::unordered_set<Identity, IdentityHash> traps_;  // roots of layers and work directories
  RealPtr work_base_;
  RealPtr work_;  // where new objects are prepared; the index directory with index=on
  std::string shared_whiteout_;
  bool share_whiteouts_ = true;
  std::atomic<unsigned> temp_counter_{0};
  std::atomic<std::uint64_t> private_inos_{1};
};

}  // namespace userlay
