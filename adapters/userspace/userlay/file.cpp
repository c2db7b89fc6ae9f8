// Open files: a layer's file that is opened again when copy_up moves the data.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "adapters/userspace/userlay/core.h"
#include "adapters/userspace/userlay/mutant.h"

namespace userlay {
namespace {

Result<std::size_t> size_or_errno(ssize_t returned) {
  if (returned < 0) return last_error();
  return static_cast<std::size_t>(returned);
}

}  // namespace

struct FileState {
  Core& core;
  NodePtr node;
  int flags;
  std::mutex mutex;  // of the two below
  FdPtr fd;
  std::uint32_t epoch;
  std::mutex position_mutex;
  off_t position = 0;

  bool writable() const { return (flags & O_ACCMODE) != O_RDONLY; }
  // The file that holds the data now.
  Result<FdPtr> current() {
    std::lock_guard lock(mutex);
    const std::uint32_t now = node->data_epoch.load();
    if (now == epoch || mutant("descriptor-stays-below")) return fd;
    auto fresh = core.open_data(node, flags);
    if (!fresh) return forward(fresh);
    fd = share(std::move(*fresh));
    epoch = now;
    return fd;
  }
};

File::File(std::unique_ptr<FileState> state) : state_(std::move(state)) {}

File::~File() {
  state_->core.nodes().forget(state_->node->id, 1);
}

NodeId File::node() const {
  return state_->node->id;
}

bool File::writable() const {
  return state_->writable();
}

Result<int> File::real_fd() {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  return (*fd)->get();
}

Result<int> File::upper_fd() {
  auto upper = state_->core.in_upper(state_->node);
  if (!upper) return forward(upper);
  return *upper ? real_fd() : -1;
}

Result<void> File::use_lower_data(std::size_t most, const std::function<void(std::span<const char>)>& use) {
  std::lock_guard no_copy_up(state_->node->copy_mutex);
  if (std::exchange(state_->node->lower_data_used, true)) return {};
  auto upper = state_->core.in_upper(state_->node);
  if (!upper) return forward(upper);
  if (*upper || (state_->flags & O_ACCMODE) == O_WRONLY) return {};
  auto fd = state_->current();
  if (!fd) return forward(fd);
  auto st = sys::stat((*fd)->get());
  if (!st) return forward(st);
  if (!S_ISREG(st->st_mode) || st->st_size == 0 || st->st_size > static_cast<off_t>(most)) return {};
  std::vector<char> data(static_cast<std::size_t>(st->st_size));
  const ssize_t got = ::pread((*fd)->get(), data.data(), data.size(), 0);
  if (got < 0) return last_error();
  if (static_cast<std::size_t>(got) == data.size()) use(data);
  return {};
}

Result<std::size_t> File::pread(std::span<std::byte> data, off_t offset) {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  return size_or_errno(::pread((*fd)->get(), data.data(), data.size(), offset));
}

Result<std::size_t> File::pwrite(const Caller& caller, std::span<const std::byte> data, off_t offset) {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  if (state_->writable() && !data.empty()) {
    if (auto r = state_->core.drop_set_id(caller, state_->node); !r) return forward(r);
  }
  return size_or_errno(::pwrite((*fd)->get(), data.data(), data.size(), offset));
}

Result<std::size_t> File::read(std::span<std::byte> data) {
  std::lock_guard lock(state_->position_mutex);
  auto got = pread(data, state_->position);
  if (got) state_->position += static_cast<off_t>(*got);
  return got;
}

Result<std::size_t> File::write(const Caller& caller, std::span<const std::byte> data) {
  std::lock_guard lock(state_->position_mutex);
  auto put = pwrite(caller, data, state_->position);
  if (!put) return put;
  state_->position += static_cast<off_t>(*put);
  if ((state_->flags & O_APPEND) && !mutant("append-keeps-position")) {
    auto fd = state_->current();
    auto st = fd ? sys::stat((*fd)->get()) : Result<struct stat>(forward(fd));
    if (st) state_->position = st->st_size;
  }
  return put;
}

Result<off_t> File::lseek(off_t offset, int whence) {
  std::lock_guard lock(state_->position_mutex);
  auto fd = state_->current();
  if (!fd) return forward(fd);
  if (whence == SEEK_CUR) {
    offset += state_->position;
    whence = SEEK_SET;
  }
  const off_t at = ::lseek((*fd)->get(), offset, whence);
  if (at < 0) return last_error();
  state_->position = at;
  return at;
}

Result<void> File::truncate(const Caller& caller, off_t size) {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  if (::ftruncate((*fd)->get(), size) < 0) return last_error();
  return state_->core.drop_set_id(caller, state_->node);
}

Result<void> File::fallocate(const Caller& caller, int mode, off_t offset, off_t length) {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  if (state_->writable()) {
    if (auto r = state_->core.drop_set_id(caller, state_->node); !r) return r;
  }
  return ok_or_errno(::fallocate((*fd)->get(), mode, offset, length));
}

Result<std::size_t> File::copy_range_from(const Caller& caller, File& source, off_t source_offset,
                                          off_t offset, std::size_t length) {
  auto from = source.state_->current();
  if (!from) return forward(from);
  auto to = state_->current();
  if (!to) return forward(to);
  if (state_->writable()) {
    if (auto r = state_->core.drop_set_id(caller, state_->node); !r) return forward(r);
  }
  return size_or_errno(::copy_file_range((*from)->get(), &source_offset, (*to)->get(), &offset, length, 0));
}

Result<void> File::clone_range_from(const Caller& caller, File& source, off_t source_offset, off_t offset,
                                    off_t length) {
  auto from = source.state_->current();
  if (!from) return forward(from);
  auto to = state_->current();
  if (!to) return forward(to);
  if (state_->writable()) {
    if (auto r = state_->core.drop_set_id(caller, state_->node); !r) return r;
  }
  file_clone_range range{};
  range.src_fd = (*from)->get();
  range.src_offset = static_cast<std::uint64_t>(source_offset);
  range.src_length = static_cast<std::uint64_t>(length);
  range.dest_offset = static_cast<std::uint64_t>(offset);
  return ok_or_errno(::ioctl((*to)->get(), FICLONERANGE, &range));
}

Result<void> File::fsync(bool datasync) {
  if (state_->core.volatile_mount()) return {};
  auto upper = state_->core.in_upper(state_->node);
  if (!upper) return forward(upper);
  // Lower files cannot have changed, and their file system may be read-only.
  if (!*upper) return {};
  auto fd = state_->current();
  if (!fd) return forward(fd);
  return ok_or_errno(datasync ? ::fdatasync((*fd)->get()) : ::fsync((*fd)->get()));
}

// What close(2) would report, without closing.
Result<void> File::flush() {
  auto fd = state_->current();
  if (!fd) return forward(fd);
  const int copy = ::dup((*fd)->get());
  if (copy < 0) return last_error();
  return ok_or_errno(::close(copy));
}

Result<bool> Core::in_upper(const NodePtr& node) {
  std::shared_lock lock(tree_);
  return node->upper && node->upper_data;
}

Result<void> Core::drop_set_id(const Caller& caller, const NodePtr& node) {
  if (!node->may_be_setid.load(std::memory_order_relaxed)) return {};
  std::shared_lock lock(tree_);
  return drop_privilege_bits(caller, node, false);
}

Result<Fd> Core::open_data(const NodePtr& node, int flags) {
  std::shared_lock lock(tree_);
  auto real = data_of(node);
  if (!real) return forward(real);
  auto where = fds_.locate(*real);
  if (!where) return forward(where);
  int real_flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_DIRECTORY);
  if (volatile_mount()) real_flags &= ~(O_SYNC | O_DSYNC);
  if (mutant("append-overwrites")) real_flags &= ~O_APPEND;
  if ((*real)->layer != 0) {
    // Reading must not change a lower layer, if we have the right to say so.
    auto quiet = sys::reopen(*where, real_flags | O_NOATIME);
    if (quiet || quiet.error() != EPERM) return quiet;
  }
  return sys::reopen(*where, real_flags);
}

Result<std::unique_ptr<File>> Core::adopt_file(const NodePtr& node, int flags, Fd fd, std::uint32_t epoch) {
  nodes_.ref(node);
  auto state = std::unique_ptr<FileState>(new FileState{
      *this, node, flags & ~(O_CREAT | O_EXCL | O_TRUNC), {}, share(std::move(fd)), epoch, {}, 0});
  return std::unique_ptr<File>(new File(std::move(state)));
}

Result<std::unique_ptr<File>> Core::open(const Caller& caller, NodeId id, int flags) {
  auto found = node(id);
  if (!found) return forward(found);
  const NodePtr& node = *found;
  if (node->is_dir()) return tl::unexpected(EISDIR);
  if (node->type == S_IFLNK) return tl::unexpected(ELOOP);
  if (!node->is_regular()) return tl::unexpected(ENXIO);
  const bool changes = mutant("reading-copies-up") || (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
  if (changes) {
    if (read_only_) return tl::unexpected(EROFS);
    {
      std::shared_lock lock(tree_);
      if (auto r = may_open(*node, flags); !r) return forward(r);
    }
    if (auto r = copy_up(node, (flags & O_TRUNC) ? CopyData::kTruncated : CopyData::kAll); !r)
      return forward(r);
    if ((flags & O_TRUNC) && !mutant("truncation-forgotten")) {
      std::shared_lock lock(tree_);
      if (auto r = truncate(node, 0); !r) return forward(r);
      if (auto r = drop_privilege_bits(caller, node, false); !r) return forward(r);
    }
  }
  const std::uint32_t epoch = node->data_epoch.load();
  auto fd = open_data(node, flags);
  if (!fd) return forward(fd);
  return adopt_file(node, flags, std::move(*fd), epoch);
}

Result<OpenedFile> Core::create(const Caller& caller, NodeId parent, const std::string& name, int flags,
                                mode_t mode) {
  std::unique_lock lock(tree_);
  NewObject what;
  what.mode = S_IFREG | (mode & 07777);
  what.open_flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY);
  Fd fd;
  auto node = create_locked(caller, parent, name, what, &fd);
  if (!node) return forward(node);
  auto made = entry(*node);
  if (!made) return forward(made);
  auto file = adopt_file(*node, flags, std::move(fd), (*node)->data_epoch.load());
  if (!file) return forward(file);
  return OpenedFile{*made, std::move(*file)};
}

Result<OpenedFile> Core::tmpfile(const Caller& caller, NodeId parent_id, int flags, mode_t mode) {
  std::unique_lock lock(tree_);
  auto parent = directory(parent_id);
  if (!parent) return forward(parent);
  if (read_only_) return tl::unexpected(EROFS);
  if (auto r = may_add_to(**parent); !r) return forward(r);
  if (!has_tmpfile_) return tl::unexpected(EOPNOTSUPP);
  if ((flags & O_ACCMODE) == O_RDONLY) return tl::unexpected(EINVAL);
  if (auto r = copy_up_locked(*parent, 0, CopyData::kNone, nullptr); !r) return forward(r);
  auto node = create_unnamed(caller, *parent, flags, mode);
  if (!node) return forward(node);
  auto made = entry(node->first);
  if (!made) return forward(made);
  auto file = adopt_file(node->first, flags, std::move(node->second), 0);
  if (!file) return forward(file);
  return OpenedFile{*made, std::move(*file)};
}

}  // namespace userlay
