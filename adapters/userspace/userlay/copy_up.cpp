// Bringing an object from a lower layer to upper, completely or (metacopy) its metadata only. The copy is
// prepared unnamed or in the work directory and appears in upper in one step.
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "adapters/userspace/userlay/copy_data.h"
#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

// Files up to this size are copied under the tree lock; larger ones before it is taken.
constexpr off_t kCopyUnderLock = 64 * 1024;
constexpr unsigned kCopiedFlags = FS_SYNC_FL | FS_NOATIME_FL;
constexpr unsigned kProtectedFlags = FS_APPEND_FL | FS_IMMUTABLE_FL;

bool must_be_copied(std::string_view name) {
  return name.starts_with("security.") || name.starts_with("system.posix_acl_");
}

}  // namespace

bool Core::wants_metacopy(const Node& node, CopyData data) const {
  return options_.metacopy && node.is_regular() && data == CopyData::kNone;
}

bool Core::copied_up(const Node& node, std::size_t link, CopyData data) const {
  if (!node.upper || (data != CopyData::kNone && !node.upper_data)) return false;
  return node.links.empty() || node.links[link].in_upper;
}

Result<Fd> Core::unnamed_file(mode_t mode) {
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  return sys::open_at((*work)->get(), ".", O_TMPFILE | O_WRONLY, mode);
}

// Copies a large file's data without keeping everyone else out.
Result<PreparedCopy> Core::prepare_data(const NodePtr& node, CopyData data) {
  PreparedCopy prepared;
  Fd source;
  off_t size = 0;
  {
    std::shared_lock lock(tree_);
    if (!node->is_regular() || node->upper || !has_tmpfile_ || data == CopyData::kTruncated) return prepared;
    if (wants_metacopy(*node, data)) return prepared;
    auto real = data_of(node);
    if (!real) return forward(real);
    auto where = fds_.locate(*real);
    if (!where) return forward(where);
    auto st = sys::stat(*where);
    if (!st) return forward(st);
    if (st->st_size <= kCopyUnderLock) return prepared;
    size = st->st_size;
    auto from = sys::reopen(*where, O_RDONLY);
    if (!from) return forward(from);
    source = std::move(*from);
    auto to = unnamed_file(0600);
    if (!to) return forward(to);
    prepared.file = std::move(*to);
  }
  auto copied = copy_data(source.get(), prepared.file.get(), size);
  if (!copied) return forward(copied);
  if (!volatile_mount() && !copied->cloned && ::fsync(prepared.file.get()) < 0) return last_error();
  prepared.ready = true;
  return prepared;
}

Result<void> Core::copy_up(const NodePtr& node, CopyData data) {
  std::lock_guard alone(node->copy_mutex);
  {
    std::shared_lock lock(tree_);
    if (copied_up(*node, node->link_in_use(), data)) return {};
    if (read_only_) return tl::unexpected(EROFS);
  }
  auto prepared = prepare_data(node, data);
  if (!prepared) return forward(prepared);
  std::unique_lock lock(tree_);
  return copy_up_locked(node, node->link_in_use(), data, &*prepared);
}

Result<void> Core::copy_up_locked(const NodePtr& node, std::size_t link, CopyData data,
                                  PreparedCopy* prepared) {
  if (copied_up(*node, link, data)) return {};
  if (read_only_) return tl::unexpected(EROFS);
  // Even a copy without data is made only of a file whose data are there (ovl_verify_lowerdata).
  if (!node->data_redirect.empty() && !node->upper_data) {
    if (auto data_found = data_of(node); !data_found) return forward(data_found);
  }
  if (!node->links.empty()) {
    if (auto r = copy_up_locked(node->links[link].parent, 0, CopyData::kNone, nullptr); !r) return r;
  }
  return copy_up_one(node, link, data, prepared);
}

Result<void> Core::copy_up_one(const NodePtr& node, std::size_t link, CopyData data, PreparedCopy* prepared) {
  if (!node->upper) {
    if (needs_index(*node)) {
      auto name = index_name(node->lower.front());
      if (!name) return forward(name);
      if (auto r = copy_up_to(node, data, prepared, work_, *name, true); !r) return r;
      node->indexed = true;
      if (auto r = set_nlink(*node, 'U'); !r) return r;
    } else if (node->links.empty()) {
      // The name is taken by the whiteout that removed this one, which rename(2) and link(2) stumble over.
      return tl::unexpected(node->is_dir() ? ENOTDIR : EEXIST);
    } else {
      Link& name = node->links[link];
      auto parent_at = fds_.locate(name.parent->upper);
      if (!parent_at) return forward(parent_at);
      auto times = sys::stat(*parent_at);
      if (!times) return forward(times);
      if (auto r = set_impure(*name.parent); !r) return r;
      const bool origin = node->is_dir() || node->lower.front()->nlink == 1;
      if (auto r = copy_up_to(node, data, prepared, name.parent->upper, name.name, origin); !r) return r;
      // Best effort, like the kernel: the copy is in place already.
      if (!mutant("copy-up-touches-parent")) (void)sys::utimes(*parent_at, times->st_atim, times->st_mtim);
      name.in_upper = true;
      changed(*name.parent);
    }
  }
  if (!node->links.empty() && !node->links[link].in_upper) {
    if (auto r = link_up(node, link); !r) return r;
  }
  if (data != CopyData::kNone && !node->upper_data) return complete_data(node, data);
  return {};
}

// Gives an indexed file one more of its lower names in upper.
Result<void> Core::link_up(const NodePtr& node, std::size_t link) {
  Link& name = node->links[link];
  if (auto r = set_impure(*name.parent); !r) return r;
  if (auto r = set_nlink(*node, 'L'); !r) return r;
  auto parent_at = fds_.locate(name.parent->upper);
  auto from = fds_.locate(node->upper);
  auto to = fds_.child(name.parent->upper, name.name);
  if (!parent_at || !from || !to) return tl::unexpected(EIO);
  auto times = sys::stat(*parent_at);
  if (!times) return forward(times);
  if (auto r = sys::link(*from, to->fd(), to->c_str()); !r) return r;
  (void)sys::utimes(*parent_at, times->st_atim, times->st_mtim);
  name.in_upper = true;
  changed(*name.parent);
  return set_nlink(*node, 'U');
}

Result<void> Core::copy_xattrs(const At& source, const At& target) {
  if (mutant("copy-up-drops-xattrs")) return {};
  auto names = sys::list_xattr(source);
  if (!names) {
    if (names.error() == EOPNOTSUPP) return {};
    return forward(names);
  }
  for (std::size_t start = 0; start < names->size();) {
    const std::string name = names->c_str() + start;
    start += name.size() + 1;
    if (marks_.is_private(name)) continue;
    if (mutant("copy-up-drops-acls") && name.starts_with("system.posix_acl_")) continue;
    if (mutant("copy-up-drops-capability") && name == "security.capability") continue;
    auto value = sys::get_xattr(source, name.c_str());
    if (!value) {
      // An unreadable capability grants nothing.
      if (name == "security.capability" && (value.error() == EINVAL || value.error() == ENODATA)) continue;
      return forward(value);
    }
    auto set = sys::set_xattr(target, name.c_str(), *value);
    if (!set && (set.error() != EOPNOTSUPP || must_be_copied(name))) return set;
  }
  return {};
}

// Inode flags. Append-only and immutable would stop ourselves, so they are kept in a mark.
Result<void> Core::copy_flags(const At& source, const At& target) {
  auto from = sys::reopen(source, O_RDONLY | O_NONBLOCK);
  if (!from) return {};  // what cannot be read has no flags we could see
  unsigned flags = 0;
  if (::ioctl(from->get(), FS_IOC_GETFLAGS, &flags) < 0) return {};
  if (flags & kProtectedFlags) {
    std::string value;
    if (flags & FS_APPEND_FL) value += 'a';
    if (flags & FS_IMMUTABLE_FL) value += 'i';
    auto set = set_mark(target, Mark::kProtattr, value, EPERM);
    if (!set && set.error() != EPERM) return set;
  }
  if (!(flags & kCopiedFlags)) return {};
  auto to = sys::reopen(target, O_RDONLY | O_NONBLOCK);
  if (!to) return forward(to);
  unsigned current = 0;
  if (::ioctl(to->get(), FS_IOC_GETFLAGS, &current) < 0) return {};
  current = (current & ~kCopiedFlags) | (flags & kCopiedFlags);
  return ok_or_errno(::ioctl(to->get(), FS_IOC_SETFLAGS, &current));
}

// chown comes first, because it clears set-id bits and capabilities.
Result<void> Core::copy_metadata(const NodePtr& node, const struct stat& from, const At& source,
                                 const At& target, CopyData data, bool with_origin) {
  auto fresh = sys::stat(target);
  if (!fresh) return forward(fresh);
  const bool owned = fresh->st_uid == from.st_uid && fresh->st_gid == from.st_gid;
  if (auto r = owned || mutant("copy-up-drops-owner") ? Result<void>()
                                                      : sys::chown(target, from.st_uid, from.st_gid);
      !r) {
    // The id has no place in our user namespace.
    return r.error() == EINVAL ? tl::unexpected(EOVERFLOW) : r;
  }
  if (auto r = copy_xattrs(source, target); !r) return r;
  if (node->is_dir() || node->is_regular()) {
    if (auto r = copy_flags(source, target); !r) return r;
  }
  if (with_origin && !mutant("copy-up-forgets-origin")) {
    if (auto r = set_origin(target, node->lower.front()); !r) return r;
  }
  if (wants_metacopy(*node, data)) {
    if (auto r = set_mark(target, Mark::kMetacopy, "", EOPNOTSUPP); !r) return r;
  }
  return copy_stat(from, target);
}

Result<void> Core::copy_stat(const struct stat& from, const At& target) {
  if (!S_ISLNK(from.st_mode) && !mutant("copy-up-private-mode")) {
    if (auto r = sys::chmod(target, from.st_mode & (mutant("copy-up-drops-set-id") ? 0777 : 07777)); !r)
      return r;
  }
  if (mutant("copy-up-new-mtime")) return {};
  return sys::utimes(target, from.st_atim, from.st_mtim);
}

namespace {

// Something in the work directory that goes away unless it was moved to its place.
class Temporary {
 public:
  Temporary(FdPtr work, std::string name, bool is_dir)
      : at_{std::move(work), std::move(name)}, is_dir_(is_dir) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    // Whatever stays behind is removed by the next mount.
    if (armed_) (void)(is_dir_ ? sys::rmdir(at_.fd(), at_.c_str()) : sys::unlink(at_.fd(), at_.c_str()));
  }
  const At& at() const { return at_; }
  void disarm() { armed_ = false; }

 private:
  At at_;
  bool is_dir_;
  bool armed_ = true;
};

// What was copied ends where the source ends, unless that is a hole. ftruncate(2) is a transaction of its
// own.
Result<void> set_size(int file, off_t size) {
  auto st = sys::stat(file);
  if (!st) return forward(st);
  if (st->st_size == size) return {};
  return ok_or_errno(::ftruncate(file, size));
}

Result<void> fill_file(const At* source, int target, off_t size, bool sync) {
  if (size == 0 || !source || mutant("copy-up-empty")) return {};
  auto from = sys::reopen(*source, O_RDONLY);
  if (!from) return forward(from);
  auto copied = copy_data(from->get(), target, mutant("copy-up-first-byte") ? 1 : size);
  if (!copied) return forward(copied);
  if (sync && !copied->cloned && ::fsync(target) < 0) return last_error();
  return {};
}

}  // namespace

Result<void> Core::copy_up_to(const NodePtr& node, CopyData data, PreparedCopy* prepared,
                              const RealPtr& directory, const std::string& name, bool with_origin) {
  auto source = fds_.locate(node->lower.front());
  if (!source) return forward(source);
  auto st = sys::stat(*source);
  if (!st) return forward(st);
  auto work = fds_.directory(work_);
  if (!work) return forward(work);
  auto target = fds_.child(directory, name);
  if (!target) return forward(target);

  const bool with_data = node->is_regular() && !wants_metacopy(*node, data) && data != CopyData::kTruncated;
  const off_t size = data == CopyData::kTruncated ? 0 : st->st_size;
  Result<At> contents = At{};
  if (with_data) {
    auto real = data_of(node);
    contents = real ? fds_.locate(*real) : Result<At>(forward(real));
    if (!contents) return forward(contents);
  }
  const At* const data_at = with_data ? &*contents : nullptr;
  // What it is once it is in place, found out before: from then on nothing may fail.
  Result<struct stat> now = tl::unexpected(EIO);
  if (node->is_regular() && has_tmpfile_) {
    Fd file;
    if (prepared && prepared->ready) {
      file = std::move(prepared->file);
    } else {
      auto fresh = unnamed_file(0600);
      if (!fresh) return forward(fresh);
      file = std::move(*fresh);
      if (auto r = fill_file(data_at, file.get(), size, !volatile_mount()); !r) return r;
    }
    if (auto r = set_size(file.get(), size); !r) return r;
    const At at{share(std::move(file)), ""};
    if (auto r = copy_metadata(node, *st, *source, at, data, with_origin); !r) return r;
    if (options_.fsync == FsyncMode::kStrict && ::fsync(at.fd()) < 0) return last_error();
    now = sys::stat(at);
    if (!now) return forward(now);
    now->st_nlink = 1;
    if (auto r = sys::link(at, target->fd(), target->c_str()); !r) return r;
  } else {
    Temporary temp(*work, temp_name(), node->is_dir());
    NewObject like;
    like.mode = st->st_mode;
    like.rdev = st->st_rdev;
    if (node->type == S_IFLNK) {
      auto text = sys::readlink(*source);
      if (!text) return forward(text);
      like.target = mutant("copy-up-wrong-target") ? "." : *text;
    }
    Fd file;
    if (auto r = make_real(temp.at(), like, 0600, node->is_regular() ? &file : nullptr); !r) return r;
    if (node->is_regular()) {
      if (auto r = fill_file(data_at, file.get(), size, !volatile_mount()); !r) return r;
      if (auto r = set_size(file.get(), size); !r) return r;
    }
    if (auto r = copy_metadata(node, *st, *source, temp.at(), data, with_origin); !r) return r;
    now = sys::stat(temp.at());
    if (!now) return forward(now);
    if (auto r =
            sys::rename((*work)->get(), temp.at().c_str(), target->fd(), target->c_str(), RENAME_NOREPLACE);
        !r) {
      return r;
    }
    temp.disarm();
  }
  auto real = add_child_real(directory, name, *now);
  if (!real) return forward(real);
  node->upper = *real;
  node->upper_data = !wants_metacopy(*node, data);
  if (node->is_dir()) {
    node->may_have_whiteouts = true;
    node->default_acl = -1;
    changed(*node);
  } else if (!node->const_ino) {
    nodes_.set_identity(node->upper->id, node);
  }
  if (node->upper_data) node->data_epoch.fetch_add(1);
  return {};
}

// Brings the data of a file whose metadata was copied up before.
Result<void> Core::complete_data(const NodePtr& node, CopyData data) {
  auto target = fds_.locate(node->upper);
  if (!target) return forward(target);
  auto st = sys::stat(*target);
  if (!st) return forward(st);
  auto capability = sys::get_xattr(*target, "security.capability");
  if (data == CopyData::kAll && st->st_size > 0 && !mutant("metacopy-data-lost")) {
    auto real = lower_data(node);
    if (!real) return forward(real);
    if (!*real) return tl::unexpected(EIO);
    auto source = fds_.locate(*real);
    if (!source) return forward(source);
    auto file = sys::reopen(*target, O_WRONLY);
    if (!file) return forward(file);
    if (auto r = fill_file(&*source, file->get(), st->st_size, !volatile_mount()); !r) return r;
    // Writing drops file capabilities, which is not what copy_up means to do.
    if (capability && !mutant("metacopy-drops-capability")) {
      if (auto r = sys::set_xattr(*target, "security.capability", *capability); !r) return r;
    }
  }
  if (auto r = mutant("metacopy-mark-stays") ? Result<void>()
                                             : sys::remove_xattr(*target, marks_[Mark::kMetacopy]);
      !r)
    return r;
  node->upper_data = true;
  node->data_epoch.fetch_add(1);
  return {};
}

}  // namespace userlay
