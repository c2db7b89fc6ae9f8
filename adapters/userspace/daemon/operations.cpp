#include "adapters/userspace/daemon/operations.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {
namespace {

Service& service_of(fuse_req_t req) {
  return *static_cast<Service*>(fuse_req_userdata(req));
}

Overlay& overlay_of(fuse_req_t req) {
  return service_of(req).overlay;
}

// Since Linux 6.1 the kernel itself takes the set-group-id bit from a new file that may not have it, and it
// alone knows the caller's groups and capabilities.
bool kernel_judges_set_gid = false;

Caller caller_of(fuse_req_t req) {
  const fuse_ctx* context = fuse_req_ctx(req);
  return caller_with_ids(context->uid, context->gid, context->umask);
}

constexpr std::uint64_t kMayKeepSetGid = std::uint64_t{1} << CAP_FSETID;

// Of a request that makes a file.
Caller maker_of(fuse_req_t req) {
  Caller caller = caller_of(req);
  if (kernel_judges_set_gid) caller.caps |= kMayKeepSetGid;
  return caller;
}

OpenFile* open_file_of(const fuse_file_info* info) {
  return reinterpret_cast<OpenFile*>(info->fh);
}
File& file_of(const fuse_file_info* info) {
  return *open_file_of(info)->file;
}
Directory& directory_of(const fuse_file_info* info) {
  return *reinterpret_cast<Directory*>(info->fh);
}

// An answer that did not reach the kernel belongs to a request that was interrupted; nobody waits for it.
void answer_error(fuse_req_t req, int error) {
  (void)fuse_reply_err(req, error);
}

void answer(fuse_req_t req, const Result<void>& result) {
  answer_error(req, result ? 0 : result.error());
}

fuse_entry_param parameters(const Entry& entry) {
  fuse_entry_param parameters{};
  parameters.ino = entry.node;
  parameters.attr = entry.attr;
  parameters.attr_timeout = parameters.entry_timeout = kForEver;
  return parameters;
}

// Gives the entry to the kernel, which owes the forget from then on.
void answer(fuse_req_t req, const Result<Entry>& entry) {
  if (!entry) return answer_error(req, entry.error());
  const fuse_entry_param told = parameters(*entry);
  if (fuse_reply_entry(req, &told) != 0) overlay_of(req).forget(entry->node, 1);
}

void answer(fuse_req_t req, const Result<struct stat>& attributes) {
  if (!attributes) return answer_error(req, attributes.error());
  (void)fuse_reply_attr(req, &*attributes, kForEver);
}

void init(void*, fuse_conn_info* connection) {
  const unsigned wanted = FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK | FUSE_CAP_ATOMIC_O_TRUNC |
                          FUSE_CAP_IOCTL_DIR | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
                          FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_DIO |
                          FUSE_CAP_HANDLE_KILLPRIV;
  connection->want |= connection->capable & wanted;
  connection->max_write = 1 << 20;
  kernel_judges_set_gid = connection->proto_minor >= 37;
}

void lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  const auto entry = overlay_of(req).lookup(parent, name);
  if (entry || entry.error() != ENOENT) return answer(req, entry);
  // A name that is not there is remembered too.
  fuse_entry_param nothing{};
  nothing.entry_timeout = kForEver;
  (void)fuse_reply_entry(req, &nothing);
}

void forget(fuse_req_t req, fuse_ino_t node, uint64_t count) {
  overlay_of(req).forget(node, count);
  fuse_reply_none(req);
}

void forget_multi(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) overlay_of(req).forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

void getattr(fuse_req_t req, fuse_ino_t node, fuse_file_info*) {
  answer(req, overlay_of(req).getattr(node));
}

timespec wanted_time(const timespec& time, bool now) {
  return now ? timespec{0, UTIME_NOW} : time;
}

void setattr(fuse_req_t req, fuse_ino_t node, struct stat* attributes, int to_set, fuse_file_info* info) {
  Overlay& overlay = overlay_of(req);
  Caller caller = caller_of(req);
  // A mode that is set was judged by every kernel (setattr_prepare).
  if (!(to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_SIZE))) caller.caps |= kMayKeepSetGid;
  SetAttr change;
  if (to_set & FUSE_SET_ATTR_MODE) change.mode = attributes->st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) change.uid = attributes->st_uid;
  if (to_set & FUSE_SET_ATTR_GID) change.gid = attributes->st_gid;
  if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
    change.atime = wanted_time(attributes->st_atim, to_set & FUSE_SET_ATTR_ATIME_NOW);
  if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
    change.mtime = wanted_time(attributes->st_mtim, to_set & FUSE_SET_ATTR_MTIME_NOW);
  if (to_set & FUSE_SET_ATTR_SIZE) {
    if (!info) {
      change.size = attributes->st_size;
    } else if (auto truncated = file_of(info).truncate(caller, attributes->st_size); !truncated) {
      return answer_error(req, truncated.error());
    }
  }
  answer(req, overlay.setattr(caller, node, change));
}

void readlink(fuse_req_t req, fuse_ino_t node) {
  const auto target = overlay_of(req).readlink(node);
  if (!target) return answer_error(req, target.error());
  (void)fuse_reply_readlink(req, target->c_str());
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  answer(req, overlay_of(req).mknod(maker_of(req), parent, name, mode, device));
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  answer(req, overlay_of(req).mkdir(caller_of(req), parent, name, mode));
}

void symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  answer(req, overlay_of(req).symlink(caller_of(req), parent, name, target));
}

void link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char* name) {
  answer(req, overlay_of(req).link(node, parent, name));
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  answer(req, overlay_of(req).unlink(parent, name));
}

void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  answer(req, overlay_of(req).rmdir(parent, name));
}

void rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned flags) {
  answer(req, overlay_of(req).rename(parent, name, new_parent, new_name, flags));
}

// The handle is the kernel's until release(). The page cache stays valid: it is only ever changed through
// this mount.
void give(fuse_req_t req, fuse_file_info* info, std::unique_ptr<File> file) {
  OpenFile* const held = held_open(service_of(req), std::move(file));
  info->fh = reinterpret_cast<uint64_t>(held);
  info->keep_cache = held->backing.keep_cache;
  info->noflush = !overlay_of(req).closing_may_fail();
}

// Hands the kernel a small file's data with its first open, so that it need not come back to read it.
void fill_page_cache(fuse_req_t req, fuse_ino_t node, File& file) {
  constexpr size_t kSmall = 32 * 1024;
  // Best effort: what is not there yet will be read.
  (void)file.use_lower_data(kSmall, [&](std::span<const char> data) {
    fuse_bufvec all = FUSE_BUFVEC_INIT(data.size());
    all.buf[0].mem = const_cast<char*>(data.data());
    (void)fuse_lowlevel_notify_store(service_of(req).session, node, 0, &all, FUSE_BUF_NO_SPLICE);
  });
}

void open(fuse_req_t req, fuse_ino_t node, fuse_file_info* info) {
  auto file = overlay_of(req).open(caller_of(req), node, info->flags & ~(O_CREAT | O_EXCL));
  if (!file) return answer_error(req, file.error());
  fill_page_cache(req, node, **file);
  give(req, info, std::move(*file));
  // Refused only if the open(2) was interrupted: then no release() will come.
  if (Service& service = service_of(req); fuse_reply_open(req, info) != 0)
    closed(service, open_file_of(info));
}

void create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
  auto opened = overlay_of(req).create(maker_of(req), parent, name, info->flags, mode);
  if (!opened) return answer_error(req, opened.error());
  const fuse_entry_param told = parameters(opened->entry);
  Service& service = service_of(req);
  give(req, info, std::move(opened->file));
  if (fuse_reply_create(req, &told, info) == 0) return;
  closed(service, open_file_of(info));
  service.overlay.forget(told.ino, 1);
}

void read(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  // Copying is faster than splicing, which takes a pipe, and pages that it moves would be missing in the
  // layer.
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size);
  const auto got = file_of(info).pread(std::span(buffer.data(), size), offset);
  if (!got) return answer_error(req, got.error());
  (void)fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), *got);
}

void write(fuse_req_t req, fuse_ino_t, const char* data, size_t size, off_t offset, fuse_file_info* info) {
  const auto written = file_of(info).pwrite(caller_of(req), std::as_bytes(std::span(data, size)), offset);
  if (!written) return answer_error(req, written.error());
  (void)fuse_reply_write(req, *written);
}

void flush(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  answer(req, file_of(info).flush());
}

void release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  closed(service_of(req), open_file_of(info));
  answer_error(req, 0);
}

void fsync(fuse_req_t req, fuse_ino_t, int datasync, fuse_file_info* info) {
  answer(req, file_of(info).fsync(datasync != 0));
}

void fallocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length, fuse_file_info* info) {
  answer(req, file_of(info).fallocate(caller_of(req), mode, offset, length));
}

void lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  const auto found = file_of(info).lseek(offset, whence);
  if (!found) return answer_error(req, found.error());
  (void)fuse_reply_lseek(req, *found);
}

void copy_file_range(fuse_req_t req, fuse_ino_t, off_t from, fuse_file_info* source, fuse_ino_t, off_t to,
                     fuse_file_info* target, size_t length, int) {
  const auto copied = file_of(target).copy_range_from(caller_of(req), file_of(source), from, to, length);
  if (!copied) return answer_error(req, copied.error());
  (void)fuse_reply_write(req, *copied);
}

void opendir(fuse_req_t req, fuse_ino_t node, fuse_file_info* info) {
  auto directory = overlay_of(req).opendir(node);
  if (!directory) return answer_error(req, directory.error());
  // The kernel sees every change of names itself; `unchanged` tells of the others. What it keeps has places
  // for one reader only: others read their own listings here.
  info->keep_cache = (*directory)->unchanged();
  info->cache_readdir = (*directory)->alone();
  info->fh = reinterpret_cast<uint64_t>(directory->release());
  if (fuse_reply_open(req, info) != 0) delete &directory_of(info);
}

void releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  delete &directory_of(info);
  answer_error(req, 0);
}

void fsyncdir(fuse_req_t req, fuse_ino_t, int datasync, fuse_file_info* info) {
  answer(req, directory_of(info).fsync(datasync != 0));
}

// Fills one answer of readdir(2) as long as entries fit.
class Listing {
 public:
  Listing(fuse_req_t req, size_t size) : req_(req), buffer_(size) {}

  bool add(const DirEntry& entry) {
    struct stat attributes {};
    attributes.st_ino = entry.ino;
    attributes.st_mode = static_cast<mode_t>(entry.type) << 12;
    const std::string name(entry.name);
    return take(fuse_add_direntry(req_, next(), left(), name.c_str(), &attributes, entry.next));
  }

  // With everything a lookup would tell, and counted as one.
  bool add_with_attributes(Overlay& overlay, NodeId parent, const DirEntry& entry) {
    const std::string name(entry.name);
    fuse_entry_param told{};
    told.attr.st_ino = entry.ino;
    told.attr.st_mode = static_cast<mode_t>(entry.type) << 12;
    const bool counted = name != "." && name != "..";
    if (counted) {
      // An entry that cannot be looked up is listed all the same, as without attributes.
      if (const auto found = overlay.lookup(parent, name)) told = parameters(*found);
    }
    const bool fits = take(fuse_add_direntry_plus(req_, next(), left(), name.c_str(), &told, entry.next));
    if (!fits && told.ino != 0) overlay.forget(told.ino, 1);
    return fits;
  }

  void answer() { (void)fuse_reply_buf(req_, buffer_.data(), used_); }

 private:
  char* next() { return buffer_.data() + used_; }
  size_t left() const { return buffer_.size() - used_; }
  bool take(size_t needed) {
    if (needed > left()) return false;
    used_ += needed;
    return true;
  }

  fuse_req_t req_;
  std::vector<char> buffer_;
  size_t used_ = 0;
};

void readdir(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  Listing listing(req, size);
  const auto listed =
      directory_of(info).read(offset, [&](const DirEntry& entry) { return listing.add(entry); });
  listed ? listing.answer() : answer_error(req, listed.error());
}

void readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset, fuse_file_info* info) {
  Listing listing(req, size);
  const auto listed = directory_of(info).read(offset, [&](const DirEntry& entry) {
    return listing.add_with_attributes(overlay_of(req), node, entry);
  });
  listed ? listing.answer() : answer_error(req, listed.error());
}

void statfs(fuse_req_t req, fuse_ino_t) {
  const auto info = overlay_of(req).statfs();
  if (!info) return answer_error(req, info.error());
  (void)fuse_reply_statfs(req, &*info);
}

// Answers a value as getxattr(2) and listxattr(2) want it: its size if none is given.
void answer_sized(fuse_req_t req, const std::string& value, size_t size) {
  if (size == 0)
    (void)fuse_reply_xattr(req, value.size());
  else if (value.size() > size)
    answer_error(req, ERANGE);
  else
    (void)fuse_reply_buf(req, value.data(), value.size());
}

void setxattr(fuse_req_t req, fuse_ino_t node, const char* name, const char* value, size_t size, int flags) {
  answer(req, overlay_of(req).setxattr(caller_of(req), node, name, {value, size}, flags));
}

void getxattr(fuse_req_t req, fuse_ino_t node, const char* name, size_t size) {
  const auto value = overlay_of(req).getxattr(node, name);
  value ? answer_sized(req, *value, size) : answer_error(req, value.error());
}

void listxattr(fuse_req_t req, fuse_ino_t node, size_t size) {
  const auto names = overlay_of(req).listxattr(caller_of(req), node);
  if (!names) return answer_error(req, names.error());
  std::string list;
  for (const auto& name : *names) list.append(name).push_back('\0');
  answer_sized(req, list, size);
}

void removexattr(fuse_req_t req, fuse_ino_t node, const char* name) {
  answer(req, overlay_of(req).removexattr(node, name));
}

// Inode flags in the other form in which the kernel asks for them.
fsxattr extended_flags(unsigned flags) {
  constexpr std::pair<unsigned, unsigned> kSame[] = {
      {FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE}, {FS_APPEND_FL, FS_XFLAG_APPEND},
      {FS_SYNC_FL, FS_XFLAG_SYNC},           {FS_NOATIME_FL, FS_XFLAG_NOATIME},
      {FS_NODUMP_FL, FS_XFLAG_NODUMP},       {FS_PROJINHERIT_FL, FS_XFLAG_PROJINHERIT}};
  fsxattr attributes{};
  for (const auto& [flag, extended] : kSame)
    if (flags & flag) attributes.fsx_xflags |= extended;
  return attributes;
}

// What lsattr(1) and chattr(1) do. Before it sets flags the kernel asks for the old ones in their extended
// form.
void ioctl(fuse_req_t req, fuse_ino_t node, unsigned command, void*, fuse_file_info*, unsigned flags,
           const void* in, size_t in_size, size_t out_size) {
  if (flags & FUSE_IOCTL_COMPAT) return answer_error(req, ENOSYS);
  if (command == static_cast<unsigned>(FS_IOC_GETFLAGS) && out_size >= sizeof(unsigned)) {
    const auto value = overlay_of(req).get_flags(node);
    if (!value) return answer_error(req, value.error());
    (void)fuse_reply_ioctl(req, 0, &*value, sizeof *value);
    return;
  }
  if (command == static_cast<unsigned>(FS_IOC_FSGETXATTR) && out_size >= sizeof(fsxattr)) {
    const auto value = overlay_of(req).get_flags(node);
    if (!value) return answer_error(req, value.error());
    const fsxattr attributes = extended_flags(*value);
    (void)fuse_reply_ioctl(req, 0, &attributes, sizeof attributes);
    return;
  }
  if (command == static_cast<unsigned>(FS_IOC_SETFLAGS) && in_size >= sizeof(unsigned)) {
    unsigned value = 0;
    std::memcpy(&value, in, sizeof value);
    if (auto set = overlay_of(req).set_flags(node, value); !set) return answer_error(req, set.error());
    (void)fuse_reply_ioctl(req, 0, nullptr, 0);
    return;
  }
  answer_error(req, ENOTTY);
}

}  // namespace

Caller caller_with_ids(uid_t uid, gid_t gid, mode_t umask) {
  Caller caller = uid == 0 ? Caller::superuser() : Caller{};
  caller.uid = uid;
  caller.gid = gid;
  caller.umask = umask;
  return caller;
}

OpenFile* held_open(Service& service, std::unique_ptr<File> file) {
  const auto fd = service.backing_files.enabled() ? file->upper_fd() : Result<int>(-1);
  const NodeId node = file->node();
  return new OpenFile{std::move(file), service.backing_files.opened(node, fd.value_or(-1))};
}

void closed(Service& service, OpenFile* open_file) {
  const NodeId node = open_file->file->node();
  service.backing_files.closed(node, open_file->backing.id);
  // A mapping may have changed the file's times without the kernel's knowing that this is one file.
  if (open_file->backing.id != 0 && open_file->file->writable())
    (void)fuse_lowlevel_notify_inval_inode(service.session, node, -1, 0);
  delete open_file;
}

const fuse_lowlevel_ops& fuse_operations() {
  static const fuse_lowlevel_ops operations = [] {
    fuse_lowlevel_ops all{};
    all.init = init;
    all.lookup = lookup;
    all.forget = forget;
    all.forget_multi = forget_multi;
    all.getattr = getattr;
    all.setattr = setattr;
    all.readlink = readlink;
    all.mknod = mknod;
    all.mkdir = mkdir;
    all.symlink = symlink;
    all.link = link;
    all.unlink = unlink;
    all.rmdir = rmdir;
    all.rename = rename;
    all.open = open;
    all.create = create;
    all.read = read;
    all.write = write;
    all.flush = flush;
    all.release = release;
    all.fsync = fsync;
    all.fallocate = fallocate;
    all.lseek = lseek;
    all.copy_file_range = copy_file_range;
    all.opendir = opendir;
    all.readdir = readdir;
    all.readdirplus = readdirplus;
    all.releasedir = releasedir;
    all.fsyncdir = fsyncdir;
    all.statfs = statfs;
    all.setxattr = setxattr;
    all.getxattr = getxattr;
    all.listxattr = listxattr;
    all.removexattr = removexattr;
    all.ioctl = ioctl;
    return all;
  }();
  return operations;
}

}  // namespace userlay
