// UserlayVfs: one actor's view of a userlay mount - what the kernel's VFS does above a file system, in user
// space.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/userspace/open_plan.h"
#include "adapters/userspace/path_walk.h"
#include "adapters/userspace/userlay_tree.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

class UserlayVfs : public Vfs {
 public:
  UserlayVfs(std::shared_ptr<UserlayTree> tree, userlay::Caller caller)
      : tree_(std::move(tree)), caller_(std::move(caller)), cwd_(tree_->root()) {}

  Sys<std::unique_ptr<Vfs>> act_as(const Actor& actor) override;
  void let_go() override { cwd_ = tree_->root(); }

  // userlay_open.cpp
  Sys<int> open(const At& at, const open_how& how) override;

  // userlay_names.cpp, userlay_rename.cpp
  Sys<void> mkdir(const At& at, mode_t mode) override;
  Sys<void> unlink(const At& at) override;
  Sys<void> rmdir(const At& at) override;
  Sys<void> rename(const At& from, const At& to, unsigned flags) override;
  Sys<void> link(const At& from, const At& to, bool follow) override;
  Sys<void> symlink(const std::string& target, const At& at) override;
  Sys<void> mknod(const At& at, mode_t mode, dev_t dev) override;

  // userlay_attributes.cpp
  Sys<struct statx> stat(const At& at, bool follow, unsigned mask) override;
  Sys<std::string> readlink(const At& at) override;
  Sys<void> chmod(const At& at, mode_t mode) override;
  Sys<void> chown(const At& at, bool follow, uid_t uid, gid_t gid) override;
  Sys<void> utimens(const At& at, bool follow, const timespec times[2]) override;
  Sys<void> truncate(const At& at, uint64_t size) override;
  Sys<void> access(const At& at, int mode, int flags) override;
  Sys<struct statfs> statfs(const At& at) override;
  Sys<void> chdir(const At& at) override;
  Sys<void> umask(mode_t mask) override;

  // userlay_xattrs.cpp
  Sys<void> setxattr(const At& at, bool follow, const std::string& name, std::string_view value,
                     int flags) override;
  Sys<std::string> getxattr(const At& at, bool follow, const std::string& name) override;
  Sys<std::vector<std::string>> listxattr(const At& at, bool follow) override;
  Sys<void> removexattr(const At& at, bool follow, const std::string& name) override;

  // userlay_files.cpp
  Sys<void> close(int fd) override;
  Sys<std::string> read(int fd, size_t count, std::optional<off_t> offset) override;
  Sys<size_t> write(int fd, std::string_view data, std::optional<off_t> offset) override;
  Sys<off_t> lseek(int fd, off_t offset, int whence) override;
  Sys<void> fallocate(int fd, int mode, off_t offset, off_t size) override;
  Sys<size_t> copy_file_range(int in, std::optional<off_t> in_offset, int out,
                              std::optional<off_t> out_offset, size_t size) override;
  Sys<void> ficlone(int from, int to) override;
  Sys<void*> mmap(int fd, size_t size, int prot, int flags, off_t offset) override;
  Sys<std::vector<DirEntry>> readdir(int fd, size_t count) override;
  Sys<void> sync(int fd, SyncKind kind) override;
  Sys<unsigned> getflags(int fd) override;
  Sys<void> setflags(int fd, unsigned flags) override;
  Sys<void> flock(int fd, int op) override;
  Sys<void> fcntl_lock(int fd, const struct ::flock& lock, bool ofd) override;

 private:
  // Where a node is about to be made.
  struct Place {
    NodePtr directory;
    std::string name;
  };

  // A rename under way.
  struct Move {
    const PathWalk* from;
    const PathWalk* to;
    NodePtr source;
    NodePtr target;  // empty if there is none
    unsigned flags;
  };

  userlay::Overlay& overlay() { return tree_->overlay(); }

  Sys<WalkContext> context(const At& at, std::uint64_t resolve = 0);
  Sys<PathWalk> walk(const At& at, std::uint64_t resolve = 0);
  // The node a path or (empty path) descriptor stands for.
  Sys<NodePtr> resolve(const At& at, bool follow, bool directory = false);
  // As resolve(), but a descriptor must not be one of O_PATH.
  Sys<NodePtr> resolve_open(const At& at, bool follow);
  // A name that does not exist yet. EEXIST, ENOENT for "new/" unless a directory is made, EROFS.
  Sys<Place> new_place(const At& at, bool for_directory);

  // userlay_permissions.cpp
  unsigned protection(const Node& node);
  Sys<void> may(const Node& node, int mask);
  Sys<void> may_create(const Node& directory);
  Sys<void> may_delete(const Node& directory, const Node& victim);
  Sys<bool> owner_or_capable(const Node& node);
  Sys<void> may_link(const Node& node);
  Sys<void> may_open(const Node& node, const OpenPlan& plan);
  Sys<void> may_create_in_sticky(const Node& directory, const Node& node);
  Sys<void> may_change(const Node& node, const userlay::SetAttr& attributes);

  Sys<void> remove(PathWalk walk, bool directory);
  // Is `node` the directory `below` or one of those above it?
  Sys<bool> holds(const Node& node, const NodePtr& below);
  Sys<void> may_move(const Move& move);
  Sys<void> permit_move(const Move& move);
  Sys<void> truncate_open(int fd, off_t size);
  Sys<void> change(const Node& node, const userlay::SetAttr& attributes);
  Sys<void> may_read_xattr(const Node& node, const std::string& name);
  Sys<void> may_write_xattr(const Node& node, const std::string& name);
  Sys<void> drop_set_gid(const Node& node);
  // An empty value removes the ACL.
  Sys<void> set_acl(const Node& node, const std::string& name, std::string_view value);

  Sys<OpenFilePtr> open_unnamed(const At& at, const OpenPlan& plan);
  Sys<OpenFilePtr> open_path_only(const At& at, const OpenPlan& plan);
  Sys<OpenFilePtr> open_named(const At& at, const OpenPlan& plan);
  Sys<OpenFilePtr> create(const Node& directory, const std::string& name, const OpenPlan& plan);
  Sys<OpenFilePtr> open_existing(const PathWalk& walk, const NodePtr& node, const OpenPlan& plan);
  Sys<void> open_special(OpenFile& file);
  OpenFilePtr new_open_file(NodePtr node, int flags);

  std::shared_ptr<UserlayTree> tree_;
  userlay::Caller caller_;
  NodePtr cwd_;
};

}  // namespace ovlcheck
