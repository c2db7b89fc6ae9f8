// UserlayVfs: descriptors - reading, writing, listing, locking.
#include <dirent.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

constexpr size_t kMaxTransfer = 0x7ffff000;  // of one read(2) or write(2), in bytes
constexpr unsigned kGuardedFlags = FS_IMMUTABLE_FL | FS_APPEND_FL;

NodeType type_of(unsigned char type) {
  switch (type) {
    case DT_DIR:
      return NodeType::directory;
    case DT_LNK:
      return NodeType::symlink;
    case DT_FIFO:
      return NodeType::fifo;
    case DT_SOCK:
      return NodeType::socket;
    case DT_CHR:
      return NodeType::character;
    case DT_BLK:
      return NodeType::block;
    default:
      return NodeType::file;
  }
}

// What generic_file_rw_checks() wants of the two ends of a copy.
Sys<void> may_transfer(const OpenFile& in, const OpenFile& out) {
  if (in.node->is_directory() || out.node->is_directory()) return failed(EISDIR);
  if (!in.file || !out.file) return failed(EINVAL);
  if (!in.readable() || !out.writable() || (out.flags & O_APPEND)) return failed(EBADF);
  return {};
}

Sys<std::string> read_special(const OpenFile& file, size_t count, std::optional<off_t> offset) {
  std::string data(count, '\0');
  const ssize_t got = offset ? ::pread(file.special.get(), data.data(), count, *offset)
                             : ::read(file.special.get(), data.data(), count);
  if (got < 0) return failed(errno);
  data.resize(static_cast<size_t>(got));
  return data;
}

Sys<size_t> write_special(const OpenFile& file, std::string_view data, std::optional<off_t> offset) {
  const ssize_t got = offset ? ::pwrite(file.special.get(), data.data(), data.size(), *offset)
                             : ::write(file.special.get(), data.data(), data.size());
  if (got < 0) return failed(errno);
  return static_cast<size_t>(got);
}

// Overlayfs knows where it is in a listing, but not where that ends.
Sys<off_t> seek_directory(OpenFile& file, off_t offset, int whence) {
  const std::lock_guard lock(file.mutex);
  if (whence == SEEK_CUR)
    offset += file.position;
  else if (whence != SEEK_SET)
    return failed(EINVAL);
  if (offset < 0) return failed(EINVAL);
  return file.position = offset;
}

}  // namespace

Sys<void> UserlayVfs::close(int fd) {
  return tree_->descriptors().close(fd);
}

Sys<std::string> UserlayVfs::read(int fd, size_t count, std::optional<off_t> offset) {
  if (offset && *offset < 0) return failed(EINVAL);
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (offset && S_ISFIFO((*file)->node->type)) return failed(ESPIPE);
  if (!(*file)->readable()) return failed(EBADF);
  if ((*file)->directory) return failed(EISDIR);
  count = std::min(count, kMaxTransfer);
  if ((*file)->special) return read_special(**file, count, offset);
  std::string data(count, '\0');
  const auto bytes = std::as_writable_bytes(std::span(data));
  const auto got = offset ? (*file)->file->pread(bytes, *offset) : (*file)->file->read(bytes);
  if (!got) return failed(got.error());
  data.resize(*got);
  return data;
}

Sys<size_t> UserlayVfs::write(int fd, std::string_view data, std::optional<off_t> offset) {
  if (offset && *offset < 0) return failed(EINVAL);
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (offset && S_ISFIFO((*file)->node->type)) return failed(ESPIPE);
  if (!(*file)->writable()) return failed(EBADF);
  data = data.substr(0, kMaxTransfer);
  if ((*file)->special) return write_special(**file, data, offset);
  const auto bytes = std::as_bytes(std::span(data));
  return offset ? (*file)->file->pwrite(caller_, bytes, *offset) : (*file)->file->write(caller_, bytes);
}

Sys<off_t> UserlayVfs::lseek(int fd, off_t offset, int whence) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (whence < SEEK_SET || whence > SEEK_HOLE) return failed(EINVAL);
  if ((*file)->directory) return seek_directory(**file, offset, whence);
  if ((*file)->file) return (*file)->file->lseek(offset, whence);
  const off_t at = ::lseek((*file)->special.get(), offset, whence);
  if (at < 0) return failed(errno);
  return at;
}

Sys<void> UserlayVfs::fallocate(int fd, int mode, off_t offset, off_t size) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (offset < 0 || size <= 0) return failed(EINVAL);
  if (!(*file)->writable()) return failed(EBADF);
  const unsigned flags = protection(*(*file)->node);
  if ((flags & FS_IMMUTABLE_FL) || ((flags & FS_APPEND_FL) && (mode & ~FALLOC_FL_KEEP_SIZE)))
    return failed(EPERM);
  if (S_ISFIFO((*file)->node->type)) return failed(ESPIPE);
  if (!(*file)->file) return failed(ENODEV);
  return (*file)->file->fallocate(caller_, mode, offset, size);
}

Sys<size_t> UserlayVfs::copy_file_range(int in, std::optional<off_t> in_offset, int out,
                                        std::optional<off_t> out_offset, size_t size) {
  const auto source = tree_->descriptors().find_open(in);
  if (!source) return failed(source.error());
  const auto target = tree_->descriptors().find_open(out);
  if (!target) return failed(target.error());
  if (const auto allowed = may_transfer(**source, **target); !allowed) return failed(allowed.error());
  if (protection(*(*target)->node) & FS_IMMUTABLE_FL) return failed(EPERM);
  userlay::File& from = *(*source)->file;
  userlay::File& to = *(*target)->file;
  const auto from_offset = in_offset ? userlay::Result<off_t>(*in_offset) : from.lseek(0, SEEK_CUR);
  if (!from_offset) return failed(from_offset.error());
  const auto to_offset = out_offset ? userlay::Result<off_t>(*out_offset) : to.lseek(0, SEEK_CUR);
  if (!to_offset) return failed(to_offset.error());
  if (*from_offset < 0 || *to_offset < 0) return failed(EOVERFLOW);
  const auto copied = to.copy_range_from(caller_, from, *from_offset, *to_offset, size);
  if (!copied) return failed(copied.error());
  const auto moved = static_cast<off_t>(*copied);
  if (!in_offset)
    if (const auto at = from.lseek(*from_offset + moved, SEEK_SET); !at) return failed(at.error());
  if (!out_offset)
    if (const auto at = to.lseek(*to_offset + moved, SEEK_SET); !at) return failed(at.error());
  return *copied;
}

Sys<void> UserlayVfs::ficlone(int from, int to) {
  const auto target = tree_->descriptors().find_open(to);
  if (!target) return failed(target.error());
  const auto source = tree_->descriptors().find_open(from);
  if (!source) return failed(source.error());
  if (const auto allowed = may_transfer(**source, **target); !allowed) return allowed;
  return (*target)->file->clone_range_from(caller_, *(*source)->file, 0, 0, 0);
}

Sys<void*> UserlayVfs::mmap(int fd, size_t size, int prot, int flags, off_t offset) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (!(*file)->readable()) return failed(EACCES);
  const bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
  if (shared && (prot & PROT_WRITE) && !(*file)->writable()) return failed(EACCES);
  if (!(*file)->file) return failed(ENODEV);
  const auto real = (*file)->file->real_fd();
  if (!real) return failed(real.error());
  void* mapping = ::mmap(nullptr, size, prot, flags, *real, offset);
  if (mapping == MAP_FAILED) return failed(errno);
  return mapping;
}

Sys<std::vector<DirEntry>> UserlayVfs::readdir(int fd, size_t count) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (!(*file)->directory) return failed(ENOTDIR);
  std::vector<DirEntry> entries;
  const std::lock_guard lock((*file)->mutex);
  const auto read = (*file)->directory->read((*file)->position, [&](const userlay::DirEntry& entry) {
    if (entries.size() >= count) return false;
    entries.push_back(
        {std::string(entry.name), type_of(entry.type), entry.type != DT_UNKNOWN, entry.ino, entry.next});
    return true;
  });
  if (!read) return failed(read.error());
  if (!entries.empty()) (*file)->position = entries.back().next;
  return entries;
}

Sys<void> UserlayVfs::sync(int fd, SyncKind kind) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if (kind == SyncKind::filesystem) return overlay().syncfs();
  const bool data_only = kind == SyncKind::data;
  if ((*file)->file) return (*file)->file->fsync(data_only);
  if ((*file)->directory) return (*file)->directory->fsync(data_only);
  return failed(EINVAL);
}

Sys<unsigned> UserlayVfs::getflags(int fd) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if ((*file)->special) return failed(ENOTTY);
  return overlay().get_flags((*file)->node->id);
}

Sys<void> UserlayVfs::setflags(int fd, unsigned flags) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  if ((*file)->special) return failed(ENOTTY);
  if (overlay().read_only()) return failed(EROFS);
  const Node& node = *(*file)->node;
  const auto owner = owner_or_capable(node);
  if (!owner) return failed(owner.error());
  if (!*owner) return failed(EPERM);
  const auto now = overlay().get_flags(node.id);
  if (!now) return failed(now.error());
  const bool capable = caller_.has_cap(CAP_LINUX_IMMUTABLE) && tree_->rules().initial_user_namespace;
  if (((flags ^ *now) & kGuardedFlags) && !capable) return failed(EPERM);
  return overlay().set_flags(node.id, flags);
}

Sys<void> UserlayVfs::flock(int fd, int op) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  return tree_->locks().flock(**file, op);
}

Sys<void> UserlayVfs::fcntl_lock(int fd, const struct ::flock& lock, bool ofd) {
  const auto file = tree_->descriptors().find_open(fd);
  if (!file) return failed(file.error());
  off_t position = 0, size = 0;
  if (lock.l_whence == SEEK_CUR && (*file)->file) {
    const auto at = (*file)->file->lseek(0, SEEK_CUR);
    if (!at) return failed(at.error());
    position = *at;
  } else if (lock.l_whence == SEEK_END) {
    const auto attr = overlay().getattr((*file)->node->id);
    if (!attr) return failed(attr.error());
    size = attr->st_size;
  }
  return tree_->locks().set(**file, lock, ofd, position, size);
}

}  // namespace ovlcheck
