#include "harness/ops/kernel_vfs.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "harness/ops/child.h"
#include "harness/ops/confine.h"
#include "harness/ops/directory.h"
#include "harness/ops/faults.h"
#include "harness/ops/inotify_names.h"
#include "harness/ops/mounted_tree.h"
#include "harness/ops/thread_place.h"

namespace ovlcheck {
namespace {

Sys<void> done(long result) {
  if (result < 0) return failed(errno);
  return {};
}

template <class T>
Sys<T> got(T result) {
  if (result < 0) return failed(errno);
  return result;
}

// What all actors of one tree share.
class SharedTree {
 public:
  explicit SharedTree(Fd root) : root_(std::move(root)) {}
  ~SharedTree() {
    for (const int fd : descriptors_) Fd(fd).reset();
  }
  SharedTree(const SharedTree&) = delete;
  SharedTree& operator=(const SharedTree&) = delete;

  int root() const { return root_.get(); }
  uint64_t id() const { return id_; }
  void drop_root() { root_.reset(); }

  Sys<int> own(int fd) {
    if (fd < 0) return failed(errno);
    const std::lock_guard lock(mutex_);
    descriptors_.insert(fd);
    return fd;
  }
  Sys<void> close(int fd) {
    {
      const std::lock_guard lock(mutex_);
      if (descriptors_.erase(fd) == 0) return failed(EBADF);
    }
    return done(::close(fd));  // may take long: others must not wait
  }

 private:
  Fd root_;
  const uint64_t id_ = new_place_id();
  std::mutex mutex_;
  std::set<int> descriptors_;
};

bool is_descriptor(const At& at) {
  return at.path.empty() && at.dir != AT_FDCWD;
}

// Before 42bd2af5950456 ("vfs: relax linkat() AT_EMPTY_PATH - aka flink() - requirements", 6.10) naming a
// descriptor's file needs CAP_DAC_READ_SEARCH outside of any user namespace, and fails like a file that must
// not be named. A file of another file system tells the two apart.
bool may_link_descriptors() {
  const Fd other(::memfd_create("probe", MFD_CLOEXEC));
  return !other || ::linkat(other.get(), "", AT_FDCWD, ".ovlcheck-probe", AT_EMPTY_PATH) == 0 ||
         errno != ENOENT;
}

class KernelVfs : public Vfs, public MountedTree {
 public:
  // The mounter has no `actor`; the programs it starts keep the process's credentials.
  KernelVfs(std::shared_ptr<SharedTree> tree, const Credentials* own, const Actor* actor)
      : tree_(std::move(tree)), is_mounter_(actor == nullptr) {
    place_ = {tree_->id(), tree_->root(), tree_->id(), tree_->root(), own, is_mounter_ ? 022 : actor->umask};
  }
  // A thread that stays in the tree would keep it busy; if it cannot leave, the unmount tells.
  ~KernelVfs() override { (void)go_home(); }

  Sys<void> enter() { return settle(place_); }

  Sys<std::unique_ptr<Vfs>> act_as(const Actor& actor) override {
    Credentials wanted{actor.uid, actor.gid, actor.groups, 0};
    for (const std::string& name : actor.caps) {
      const int number = capability_number(name);
      if (number < 0) return failed(EINVAL);
      wanted.capabilities |= uint64_t{1} << number;
    }
    auto view = std::make_unique<KernelVfs>(tree_, intern(std::move(wanted)), &actor);
    if (const auto ok = view->enter(); !ok) return failed(ok.error());
    return view;
  }
  Sys<void> enter_thread() override { return unshare_place(); }
  // A joined thread gives up its root only a little later; an unmount in between would find it busy.
  void leave_thread() override { (void)go_home(); }
  void let_go() override {
    (void)go_home();
    cwd_.reset();
    tree_->drop_root();
    place_.root = place_.cwd = -1;
  }

  Sys<int> open(const At& at, const open_how& how) override {
    return here([&]() -> Sys<int> {
      if (how.resolve == 0)
        return tree_->own(::openat(at.dir, at.path.c_str(), static_cast<int>(how.flags) | O_CLOEXEC,
                                   static_cast<mode_t>(how.mode)));
      open_how mine = how;
      mine.flags |= O_CLOEXEC;
      const long fd = ::syscall(SYS_openat2, at.dir, at.path.c_str(), &mine, sizeof mine);
      return tree_->own(static_cast<int>(fd));
    });
  }
  Sys<struct statx> stat(const At& at, bool follow, unsigned mask) override {
    return here([&]() -> Sys<struct statx> {
      struct statx status;
      const int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (is_descriptor(at) ? AT_EMPTY_PATH : 0);
      if (::statx(at.dir, at.path.c_str(), flags, mask, &status) != 0) return failed(errno);
      return status;
    });
  }
  Sys<std::string> readlink(const At& at) override {
    return here([&]() -> Sys<std::string> {
      std::array<char, PATH_MAX> buffer;
      const ssize_t size = ::readlinkat(at.dir, at.path.c_str(), buffer.data(), buffer.size());
      if (size < 0) return failed(errno);
      return std::string(buffer.data(), static_cast<size_t>(size));
    });
  }
  Sys<void> mkdir(const At& at, mode_t mode) override {
    return here([&] { return done(::mkdirat(at.dir, at.path.c_str(), mode)); });
  }
  Sys<void> unlink(const At& at) override {
    return here([&] { return done(::unlinkat(at.dir, at.path.c_str(), 0)); });
  }
  Sys<void> rmdir(const At& at) override {
    return here([&] { return done(::unlinkat(at.dir, at.path.c_str(), AT_REMOVEDIR)); });
  }
  Sys<void> rename(const At& from, const At& to, unsigned flags) override {
    return here(
        [&] { return done(::renameat2(from.dir, from.path.c_str(), to.dir, to.path.c_str(), flags)); });
  }
  Sys<void> link(const At& from, const At& to, bool follow) override {
    return here([&] {
      const int flags = (follow ? AT_SYMLINK_FOLLOW : 0) | (is_descriptor(from) ? AT_EMPTY_PATH : 0);
      if (::linkat(from.dir, from.path.c_str(), to.dir, to.path.c_str(), flags) == 0) return Sys<void>{};
      const int error = errno;
      if (error == ENOENT && is_descriptor(from) && !may_link_descriptors())
        return Sys<void>(failed(kNotOffered));
      return Sys<void>(failed(error));
    });
  }
  Sys<void> symlink(const std::string& target, const At& at) override {
    return here([&] { return done(::symlinkat(target.c_str(), at.dir, at.path.c_str())); });
  }
  Sys<void> mknod(const At& at, mode_t mode, dev_t dev) override {
    return here([&] { return done(::mknodat(at.dir, at.path.c_str(), mode, dev)); });
  }
  Sys<void> chmod(const At& at, mode_t mode) override {
    return here([&] {
      return done(is_descriptor(at) ? ::fchmod(at.dir, mode) : ::fchmodat(at.dir, at.path.c_str(), mode, 0));
    });
  }
  Sys<void> chown(const At& at, bool follow, uid_t uid, gid_t gid) override {
    return here([&] {
      if (is_descriptor(at)) return done(::fchown(at.dir, uid, gid));
      return done(::fchownat(at.dir, at.path.c_str(), uid, gid, follow ? 0 : AT_SYMLINK_NOFOLLOW));
    });
  }
  Sys<void> utimens(const At& at, bool follow, const timespec times[2]) override {
    return here([&] {
      if (is_descriptor(at)) return done(::futimens(at.dir, times));
      return done(::utimensat(at.dir, at.path.c_str(), times, follow ? 0 : AT_SYMLINK_NOFOLLOW));
    });
  }
  Sys<void> truncate(const At& at, uint64_t size) override {
    const auto length = static_cast<off_t>(size);
    return by_path_or_descriptor(
        at, [&](const char* path) { return done(::truncate(path, length)); },
        [&](int fd) { return done(::ftruncate(fd, length)); });
  }
  Sys<void> setxattr(const At& at, bool follow, const std::string& name, std::string_view value,
                     int flags) override {
    const char* key = name.c_str();
    return by_path_or_descriptor(
        at,
        [&](const char* path) {
          const auto set = follow ? ::setxattr : ::lsetxattr;
          return done(set(path, key, value.data(), value.size(), flags));
        },
        [&](int fd) { return done(::fsetxattr(fd, key, value.data(), value.size(), flags)); });
  }
  Sys<std::string> getxattr(const At& at, bool follow, const std::string& name) override {
    thread_local std::array<char, kXattrRoom> value;
    const char* key = name.c_str();
    const auto size = by_path_or_descriptor(
        at,
        [&](const char* path) {
          return got((follow ? ::getxattr : ::lgetxattr)(path, key, value.data(), value.size()));
        },
        [&](int fd) { return got(::fgetxattr(fd, key, value.data(), value.size())); });
    if (!size) return failed(size.error());
    return std::string(value.data(), static_cast<size_t>(*size));
  }
  Sys<std::vector<std::string>> listxattr(const At& at, bool follow) override {
    thread_local std::array<char, kXattrRoom> buffer;
    const auto size = by_path_or_descriptor(
        at,
        [&](const char* path) {
          return got((follow ? ::listxattr : ::llistxattr)(path, buffer.data(), buffer.size()));
        },
        [&](int fd) { return got(::flistxattr(fd, buffer.data(), buffer.size())); });
    if (!size) return failed(size.error());
    std::vector<std::string> names;
    for (const char* name = buffer.data(); name < buffer.data() + *size; name += names.back().size() + 1)
      names.emplace_back(name);
    return names;
  }
  Sys<void> removexattr(const At& at, bool follow, const std::string& name) override {
    return by_path_or_descriptor(
        at,
        [&](const char* path) { return done((follow ? ::removexattr : ::lremovexattr)(path, name.c_str())); },
        [&](int fd) { return done(::fremovexattr(fd, name.c_str())); });
  }
  Sys<void> access(const At& at, int mode, int flags) override {
    return here([&] {
      if (is_descriptor(at)) flags |= AT_EMPTY_PATH;
      if (flags == 0) return done(::syscall(SYS_faccessat, at.dir, at.path.c_str(), mode));
      return done(::syscall(SYS_faccessat2, at.dir, at.path.c_str(), mode, flags));
    });
  }
  Sys<struct statfs> statfs(const At& at) override {
    struct statfs status;
    const auto ok = by_path_or_descriptor(
        at, [&](const char* path) { return done(::statfs(path, &status)); },
        [&](int fd) { return done(::fstatfs(fd, &status)); });
    if (!ok) return failed(ok.error());
    return status;
  }
  Sys<void> chdir(const At& at) override {
    const auto ok = by_path_or_descriptor(
        at, [&](const char* path) { return done(::chdir(path)); },
        [&](int fd) { return done(::fchdir(fd)); });
    if (!ok) return ok;
    Fd now(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!now) return failed(errno);
    cwd_ = std::move(now);
    place_.cwd = cwd_.get();
    place_.cwd_id = new_place_id();
    forget_cwd();
    return {};
  }
  Sys<void> umask(mode_t mask) override {
    place_.umask = mask & 0777;
    return {};
  }

  Sys<void> close(int fd) override {
    return here_once([&] { return tree_->close(fd); });
  }
  Sys<std::string> read(int fd, size_t count, std::optional<off_t> offset) override {
    return here([&]() -> Sys<std::string> {
      // Most reads ask for far more than there is: a large buffer is cleared only for a large read.
      thread_local std::array<char, 65536> buffer;
      std::string large(count > buffer.size() ? count : 0, '\0');
      char* into = large.empty() ? buffer.data() : large.data();
      const ssize_t size = offset ? ::pread(fd, into, count, *offset) : ::read(fd, into, count);
      if (size < 0) return failed(errno);
      if (large.empty()) return std::string(into, static_cast<size_t>(size));
      large.resize(static_cast<size_t>(size));
      return large;
    });
  }
  Sys<size_t> write(int fd, std::string_view data, std::optional<off_t> offset) override {
    return here([&]() -> Sys<size_t> {
      const ssize_t size =
          offset ? ::pwrite(fd, data.data(), data.size(), *offset) : ::write(fd, data.data(), data.size());
      if (size < 0) return failed(errno);
      return static_cast<size_t>(size);
    });
  }
  Sys<off_t> lseek(int fd, off_t offset, int whence) override {
    return here([&] { return got(::lseek(fd, offset, whence)); });
  }
  Sys<void> fallocate(int fd, int mode, off_t offset, off_t size) override {
    return here([&] { return done(::fallocate(fd, mode, offset, size)); });
  }
  Sys<size_t> copy_file_range(int in, std::optional<off_t> in_offset, int out,
                              std::optional<off_t> out_offset, size_t size) override {
    return here([&]() -> Sys<size_t> {
      off_t from = in_offset.value_or(0), to = out_offset.value_or(0);
      const ssize_t count =
          ::copy_file_range(in, in_offset ? &from : nullptr, out, out_offset ? &to : nullptr, size, 0);
      if (count < 0) return failed(errno);
      return static_cast<size_t>(count);
    });
  }
  Sys<void> ficlone(int from, int to) override {
    return here([&] { return done(::ioctl(to, FICLONE, from)); });
  }
  Sys<size_t> sendfile(int out, int in, size_t size) override {
    return here([&]() -> Sys<size_t> {
      const ssize_t count = ::sendfile(out, in, nullptr, size);
      if (count < 0) return failed(errno);
      return static_cast<size_t>(count);
    });
  }
  Sys<size_t> dedupe(int from, int to, size_t size) override {
    return here([&]() -> Sys<size_t> {
      alignas(file_dedupe_range) std::array<char, sizeof(file_dedupe_range) + sizeof(file_dedupe_range_info)>
          buffer{};
      auto* range = reinterpret_cast<file_dedupe_range*>(buffer.data());
      range->src_length = size;
      range->dest_count = 1;
      range->info[0].dest_fd = to;
      if (::ioctl(from, FIDEDUPERANGE, range) != 0) return failed(errno);
      if (range->info[0].status == FILE_DEDUPE_RANGE_DIFFERS) return failed(EBADE);
      if (range->info[0].status < 0) return failed(-range->info[0].status);
      return static_cast<size_t>(range->info[0].bytes_deduped);
    });
  }
  Sys<void> fadvise(int fd, int advice) override {
    return here([&]() -> Sys<void> {
      if (const int error = ::posix_fadvise(fd, 0, 0, advice); error != 0) return failed(error);
      return {};
    });
  }
  Sys<std::vector<std::string>> mount_options(const At& at) override {
    const auto id = here([&]() -> Sys<uint64_t> {
      struct statx info;
      if (::statx(at.dir, at.path.c_str(), is_descriptor(at) ? AT_EMPTY_PATH : 0, STATX_MNT_ID, &info) != 0)
        return failed(errno);
      return info.stx_mnt_id;
    });
    if (!id) return failed(id.error());
    // There is no /proc in the tree.
    if (const auto ok = go_home(); !ok) return failed(ok.error());
    return overlay_options(*id);
  }
  Sys<void> reconfigure(bool read_only) override {
    return here([&] {
      struct statfs info;
      if (::statfs("/", &info) != 0) return Sys<void>(failed(errno));
      // Others need not know that they are read-only.
      if (info.f_type != OVERLAYFS_SUPER_MAGIC) return Sys<void>(failed(kNotOffered));
      const unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
      return done(::mount(nullptr, "/", nullptr, flags, nullptr));
    });
  }
  Sys<std::vector<Extent>> fiemap(int fd) override {
    return here([&]() -> Sys<std::vector<Extent>> {
      constexpr unsigned kMost = 256;  // more is not a test of an overlay
      alignas(struct fiemap) std::array<char, sizeof(struct fiemap) + kMost * sizeof(fiemap_extent)> buffer{};
      auto* map = reinterpret_cast<struct fiemap*>(buffer.data());
      map->fm_length = FIEMAP_MAX_OFFSET;
      map->fm_flags = FIEMAP_FLAG_SYNC;
      map->fm_extent_count = kMost;
      if (::ioctl(fd, FS_IOC_FIEMAP, map) != 0) return failed(errno);
      std::vector<Extent> extents;
      for (unsigned i = 0; i < map->fm_mapped_extents; ++i)
        extents.push_back({map->fm_extents[i].fe_logical, map->fm_extents[i].fe_length});
      return extents;
    });
  }
  Sys<void> enable_verity(int fd) override {
    return here([&] {
      fsverity_enable_arg how{};
      how.version = 1;
      how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
      how.block_size = 4096;
      return done(::ioctl(fd, FS_IOC_ENABLE_VERITY, &how));
    });
  }
  Sys<void*> mmap(int fd, size_t size, int prot, int flags, off_t offset) override {
    return here([&]() -> Sys<void*> {
      void* start = ::mmap(nullptr, size, prot, flags, fd, offset);
      if (start == MAP_FAILED) return failed(errno);
      return start;
    });
  }
  Sys<std::vector<DirEntry>> readdir(int fd, size_t count) override {
    return here([&]() -> Sys<std::vector<DirEntry>> {
      std::vector<DirEntry> entries;
      if (count == 0) return entries;
      // What is tried again starts where it started.
      const off_t start = faults_enabled() ? ::lseek(fd, 0, SEEK_CUR) : 0;
      alignas(dirent64) std::array<char, 32768> buffer;
      const auto all = for_each_entry(fd, buffer, [&](const dirent64& raw) {
        entries.push_back(entry_from(raw));
        return entries.size() < count;
      });
      if (!all && faults_enabled() && ::lseek(fd, start, SEEK_SET) < 0) return failed(errno);
      if (!all) return failed(all.error());
      // The kernel may have delivered more than was asked for.
      if (entries.size() == count && ::lseek(fd, entries.back().next, SEEK_SET) < 0) return failed(errno);
      return entries;
    });
  }
  Sys<void> sync(int fd, SyncKind kind) override {
    return here([&] {
      if (kind == SyncKind::data) return done(::fdatasync(fd));
      return done(kind == SyncKind::file ? ::fsync(fd) : ::syncfs(fd));
    });
  }
  Sys<unsigned> getflags(int fd) override {
    return here([&]() -> Sys<unsigned> {
      unsigned flags = 0;
      if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return failed(errno);
      return flags;
    });
  }
  Sys<void> setflags(int fd, unsigned flags) override {
    return here([&] { return done(::ioctl(fd, FS_IOC_SETFLAGS, &flags)); });
  }
  Sys<void> flock(int fd, int op) override {
    return here([&] { return done(::flock(fd, op)); });
  }
  Sys<void> fcntl_lock(int fd, const struct flock& lock, bool ofd) override {
    return here([&] { return done(::fcntl(fd, ofd ? F_OFD_SETLK : F_SETLK, &lock)); });
  }
  Sys<void> lease(int fd, int type) override {
    return here([&] { return done(::fcntl(fd, F_SETLEASE, type)); });
  }

  Sys<FileHandle> name_to_handle(const At& at) override {
    return here([&]() -> Sys<FileHandle> {
      alignas(struct file_handle) std::array<char, sizeof(struct file_handle) + MAX_HANDLE_SZ> buffer{};
      auto* handle = reinterpret_cast<struct file_handle*>(buffer.data());
      handle->handle_bytes = MAX_HANDLE_SZ;
      int mount_id = 0;
      const int flags = is_descriptor(at) ? AT_EMPTY_PATH : 0;
      if (::name_to_handle_at(at.dir, at.path.c_str(), handle, &mount_id, flags) != 0) return failed(errno);
      return FileHandle{handle->handle_type,
                        std::string(reinterpret_cast<char*>(handle->f_handle), handle->handle_bytes)};
    });
  }
  Sys<int> open_by_handle(const FileHandle& handle, int flags) override {
    return here([&]() -> Sys<int> {
      alignas(struct file_handle) std::array<char, sizeof(struct file_handle) + MAX_HANDLE_SZ> buffer{};
      if (handle.bytes.size() > MAX_HANDLE_SZ) return failed(EINVAL);
      auto* raw = reinterpret_cast<struct file_handle*>(buffer.data());
      raw->handle_type = handle.type;
      raw->handle_bytes = static_cast<unsigned>(handle.bytes.size());
      std::memcpy(raw->f_handle, handle.bytes.data(), handle.bytes.size());
      return tree_->own(::open_by_handle_at(tree_->root(), raw, flags | O_CLOEXEC));
    });
  }
  Sys<int> inotify(const At& at, unsigned mask) override {
    Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd) return failed(errno);
    const auto ok = by_path_or_descriptor(
        at, [&](const char* path) { return done(::inotify_add_watch(fd.get(), path, mask)); },
        [](int) { return Sys<void>(failed(ENOENT)); });
    if (!ok) return failed(ok.error());
    return tree_->own(fd.release());
  }
  Sys<std::vector<std::string>> events(int fd) override {
    return here([&]() -> Sys<std::vector<std::string>> {
      std::vector<std::string> events;
      alignas(inotify_event) std::array<char, 16384> buffer;
      for (;;) {
        const ssize_t size = ::read(fd, buffer.data(), buffer.size());
        if (size < 0 && errno == EAGAIN) return events;
        if (size <= 0) return failed(size < 0 ? errno : EINVAL);
        for (ssize_t at = 0; at < size;) {
          const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
          events.push_back(inotify_names(event->mask));
          if (event->len != 0) events.back() += std::string(" ") + event->name;
          at += static_cast<ssize_t>(sizeof *event + event->len);
        }
      }
    });
  }

  Sys<ExecResult> execve(const At& at, const std::vector<std::string>& args) override {
    const auto file = here([&]() -> Sys<int> {
      if (is_descriptor(at)) return got(::fcntl(at.dir, F_DUPFD_CLOEXEC, 3));
      return got(::openat(at.dir, at.path.c_str(), O_PATH | O_CLOEXEC));
    });
    if (!file) return failed(file.error());
    const Fd fd(*file);
    return start(args, [&fd](char* const argv[], char* const environment[]) {
      // The interpreter of a script opens the file once more through this descriptor.
      if (::fcntl(fd.get(), F_SETFD, 0) != 0) return;
      (void)::syscall(SYS_execveat, fd.get(), "", argv, environment, AT_EMPTY_PATH);
    });
  }
  Sys<ExecResult> run(const std::vector<std::string>& args) override {
    if (args.empty()) return failed(EINVAL);
    return start(args, [](char* const argv[], char* const environment[]) {
      (void)::execvpe(argv[0], argv, environment);
    });
  }

 private:
  static constexpr size_t kXattrRoom = 65536;

  // Runs `operation` with the thread in the actor's place.
  template <class Operation>
  auto here(Operation operation) -> decltype(operation()) {
    return here_once([&] { return under_faults(operation); });
  }
  // The same of one that must not be tried again.
  template <class Operation>
  auto here_once(Operation operation) -> decltype(operation()) {
    if (auto ok = settle(place_); !ok) return failed(ok.error());
    return operation();
  }

  // For calls that have no *at form: a path relative to a descriptor is resolved with that directory as
  // current.
  template <class ByPath, class ByDescriptor>
  auto by_path_or_descriptor(const At& at, ByPath by_path, ByDescriptor by_descriptor)
      -> decltype(by_descriptor(0)) {
    return here([&]() -> decltype(by_descriptor(0)) {
      if (is_descriptor(at)) return by_descriptor(at.dir);
      const bool moves = at.dir != AT_FDCWD && at.path[0] != '/';
      if (moves) {
        forget_cwd();
        if (::fchdir(at.dir) != 0) return failed(errno);
      }
      return by_path(at.path.c_str());
    });
  }

  // Forks from the process's own root; the child's current directory is the actor's, its credentials are the
  // actor's for good.
  template <class Execute>
  Sys<ExecResult> start(const std::vector<std::string>& args, Execute execute) {
    if (const auto ok = go_home(); !ok) return failed(ok.error());
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    static const char* const kEnvironment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C", nullptr};
    return run_child(
        [&] {
          if (::fchdir(place_.cwd) != 0) return errno;
          ::umask(place_.umask);
          if (const int error = confine_program(); error != 0) return error;
          if (const int error = is_mounter_ ? 0 : drop_to(*place_.credentials); error != 0) return error;
          return give_up_capabilities();
        },
        [&] { execute(argv.data(), const_cast<char* const*>(kEnvironment)); });
  }

  std::shared_ptr<SharedTree> tree_;
  const bool is_mounter_;
  ThreadPlace place_;
  Fd cwd_;
};

}  // namespace

Sys<std::unique_ptr<Vfs>> open_kernel_vfs(int root) {
  const auto own = remember_home();
  if (!own) return failed(own.error());
  // A descriptor to read from: file handles are opened relative to it.
  Fd duplicate(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!duplicate) return failed(errno);
  for (const int number : {SIGPIPE, SIGIO})
    if (::signal(number, SIG_IGN) == SIG_ERR) return failed(errno);
  auto view = std::make_unique<KernelVfs>(std::make_shared<SharedTree>(std::move(duplicate)), *own, nullptr);
  if (const auto ok = view->enter(); !ok) return failed(ok.error());
  return view;
}

Sys<void> go_home() {
  return settle_home();
}

}  // namespace ovlcheck
