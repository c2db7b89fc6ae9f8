// Public interface of userlay: Linux overlayfs as a userspace library with the kernel's on-disk format.
//
// Inode oriented like FUSE's low-level interface. Every object a caller knows is a NodeId; every call that
// hands out an Entry adds one to that node's lookup count and the caller owes one forget() for it (NodeRef
// does so by itself). All functions may be called from any thread. Errors are positive errno values.
// The library acts with the credentials of the process; what a Caller may do is decided by permission() and
// its relatives, which the user of the library calls before the operation ("default_permissions").
#pragma once

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace userlay {

template <class T>
using Result = tl::expected<T, int>;

using NodeId = std::uint64_t;
inline constexpr NodeId kRootNode = 1;

enum class RedirectMode { kNoFollow, kFollow, kOn };
enum class XinoMode { kOff, kAuto, kOn };
enum class UuidMode { kOff, kNull, kAuto, kOn };
enum class FsyncMode { kVolatile, kAuto, kStrict };

// Features of a mount, by the kernel's names and with its defaults. The `*_set` members say that the option
// was given explicitly, which decides between an error and a silent fallback when options conflict.
struct Options {
  RedirectMode redirect_dir = RedirectMode::kFollow;
  bool metacopy = false;
  bool index = false;
  bool nfs_export = false;
  bool userxattr = false;
  bool default_permissions = false;
  XinoMode xino = XinoMode::kOff;
  UuidMode uuid = UuidMode::kAuto;
  FsyncMode fsync = FsyncMode::kAuto;
  bool redirect_set = false;
  bool metacopy_set = false;
  bool index_set = false;
  bool nfs_export_set = false;
};

// A layer's root: a path, or an already open directory (O_PATH is enough), which is duplicated by mount().
struct LayerDir {
  std::string path;
  int fd = -1;  // used when >= 0; stays owned by the caller

  LayerDir() = default;
  LayerDir(std::string p) : path(std::move(p)) {}  // NOLINT: a path is a layer
  static LayerDir from_fd(int fd);
};

struct MountSpec {
  std::vector<LayerDir> lowers;       // lowers[0] is the topmost
  std::vector<LayerDir> data_lowers;  // data-only layers, below all others
  std::optional<LayerDir> upper;
  std::optional<LayerDir> work;
  bool read_only = false;  // the `ro` mount flag
  // Who serves this can show one st_dev only: where layers are on several file systems, xino=off, which
  // gives each a device number of its own, unifies inode numbers as xino=on does instead.
  bool one_device = false;
  Options options;
};

// Parses what would follow `mount -t overlay -o`: lowerdir= (with `:`, `::` and backslash escapes),
// lowerdir+=, datadir+=, upperdir=, workdir= and the feature options. EINVAL for anything unknown or
// unsupported.
Result<MountSpec> parse_options(std::string_view text);

// Applies the kernel's rules about options that need or exclude each other. `privileged`: trusted.* xattrs
// are accessible. EINVAL or EPERM as mount(2) would return.
Result<Options> resolve_options(const MountSpec& spec, bool privileged);

// On whose behalf an operation runs.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary groups
  std::uint64_t caps = 0;     // bit (1 << CAP_x) for every effective capability
  mode_t umask = 0;           // applied to new objects, unless the parent has a default ACL

  bool has_cap(int cap) const { return (caps >> cap) & 1; }
  bool in_group(gid_t group) const;
  // Ids, groups and effective capabilities of this thread, with umask 0.
  static Caller self();
  static Caller superuser();
};

// Has this process the capability in the initial user namespace? Only there are trusted.* attributes and file
// handles accessible, and FUSE passthrough allowed.
bool capable(int cap);

struct Entry {
  NodeId node = 0;
  struct stat attr {};
};

// What to change; everything left empty stays.
struct SetAttr {
  std::optional<mode_t> mode;  // permission bits only
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<off_t> size;      // the current size changes nothing, not even times
  std::optional<timespec> atime;  // tv_nsec may be UTIME_NOW
  std::optional<timespec> mtime;
};

struct DirEntry {
  std::string_view name;   // valid during the call only
  std::uint64_t ino = 0;   // as st_ino
  unsigned char type = 0;  // DT_*
  off_t next = 0;          // offset to resume after this entry
};

class Core;
struct FileState;
struct DirState;

// An open file. Reads follow a later copy_up, memory mappings of real_fd() do not. Keeps its node alive.
class File {
 public:
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  NodeId node() const;
  bool writable() const;
  // Bytes read; 0 at end of file.
  Result<std::size_t> pread(std::span<std::byte> data, off_t offset);
  // Appends whatever the offset says when opened with O_APPEND. Drops set-id bits unless `caller` may keep
  // them.
  Result<std::size_t> pwrite(const Caller& caller, std::span<const std::byte> data, off_t offset);
  // read, write and lseek (SEEK_SET, CUR, END, DATA, HOLE) share the file position.
  Result<std::size_t> read(std::span<std::byte> data);
  Result<std::size_t> write(const Caller& caller, std::span<const std::byte> data);
  Result<off_t> lseek(off_t offset, int whence);
  // ftruncate(2): needs a file open for writing, whatever its mode says by now.
  Result<void> truncate(const Caller& caller, off_t size);
  Result<void> fallocate(const Caller& caller, int mode, off_t offset, off_t length);
  // This file is the destination.
  Result<std::size_t> copy_range_from(const Caller& caller, File& source, off_t source_offset, off_t offset,
                                      std::size_t length);
  // FICLONERANGE; length 0 means to the end of the source.
  Result<void> clone_range_from(const Caller& caller, File& source, off_t source_offset, off_t offset,
                                off_t length);
  Result<void> fsync(bool datasync);
  Result<void> flush();
  // The descriptor of the layer's file that holds the data now, for mmap, splice and passthrough. Owned by
  // the File and valid until it is closed.
  Result<int> real_fd();
  // The same if the data is in upper, where it stays; else -1.
  Result<int> upper_fd();
  // Calls `use` with all data if that is in a lower layer, not empty and not longer than `most`, once in the
  // life of the node. Until `use` returns nobody gets to open the file for writing, nor past this call.
  Result<void> use_lower_data(std::size_t most, const std::function<void(std::span<const char>)>& use);

 private:
  friend class Core;
  explicit File(std::unique_ptr<FileState> state);
  std::unique_ptr<FileState> state_;
};

// An open directory: the merged listing as of the first read or of the last read from offset 0.
class Directory {
 public:
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  NodeId node() const;
  // Whoever opened this directory before could have listed the same, so that a copy of that may be shown.
  bool unchanged() const;
  // Nobody else had it open when it was opened.
  bool alone() const;
  // Calls `sink` for each entry from `offset` on (0 is the start, later ones come from DirEntry::next), "."
  // and
  // ".." included, until it returns false (that entry is not consumed).
  Result<void> read(off_t offset, const std::function<bool(const DirEntry&)>& sink);
  Result<void> fsync(bool datasync);

 private:
  friend class Core;
  explicit Directory(std::unique_ptr<DirState> state);
  std::unique_ptr<DirState> state_;
};

struct OpenedFile {
  Entry entry;
  std::unique_ptr<File> file;
};

class Overlay {
 public:
  // Errors are those of mount(2): EINVAL for bad combinations, ELOOP for overlapping layers, ENOENT, ENOTDIR
  // ...
  static Result<std::unique_ptr<Overlay>> mount(const MountSpec& spec);
  // All Files, Directories and NodeRefs must be gone.
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // As in effect after resolve_options() and what the layers support.
  const Options& options() const;
  // No upper layer, or one that cannot be written: every change fails with EROFS.
  bool read_only() const;
  // Whether File::flush() can have something to report: not on the usual local file systems.
  bool closing_may_fail() const;

  Result<Entry> lookup(NodeId parent, const std::string& name);
  // Gives back `count` lookups.
  void forget(NodeId node, std::uint64_t count);
  // The directory's parent (the root is its own), with a lookup counted.
  Result<Entry> parent(NodeId directory);

  Result<struct stat> getattr(NodeId node);
  // When the layer's object was made. ENODATA where its file system does not tell.
  Result<timespec> birth_time(NodeId node);
  // Clears set-id bits and capabilities on chown and truncate as the kernel does.
  Result<struct stat> setattr(const Caller& caller, NodeId node, const SetAttr& change);
  Result<std::string> readlink(NodeId node);

  Result<Entry> mknod(const Caller& caller, NodeId parent, const std::string& name, mode_t mode, dev_t rdev);
  Result<Entry> mkdir(const Caller& caller, NodeId parent, const std::string& name, mode_t mode);
  Result<Entry> symlink(const Caller& caller, NodeId parent, const std::string& name,
                        const std::string& target);
  Result<Entry> link(NodeId node, NodeId parent, const std::string& name);
  Result<void> unlink(NodeId parent, const std::string& name);
  Result<void> rmdir(NodeId parent, const std::string& name);
  // flags: 0, RENAME_NOREPLACE or RENAME_EXCHANGE; anything else is EINVAL, as on the kernel's overlayfs.
  Result<void> rename(NodeId parent, const std::string& name, NodeId new_parent, const std::string& new_name,
                      unsigned flags);

  // open(2) flags without O_CREAT and O_EXCL; O_TRUNC truncates. O_PATH is not for this call. ENXIO for
  // fifos, sockets and devices, which are no business of layers.
  Result<std::unique_ptr<File>> open(const Caller& caller, NodeId node, int flags);
  // EEXIST when the name exists, whatever the flags.
  Result<OpenedFile> create(const Caller& caller, NodeId parent, const std::string& name, int flags,
                            mode_t mode);
  // An unnamed file in the file system of `parent`; link() can name it unless O_EXCL is in flags.
  Result<OpenedFile> tmpfile(const Caller& caller, NodeId parent, int flags, mode_t mode);
  Result<std::unique_ptr<Directory>> opendir(NodeId node);

  // Names as the user of the mount sees them: overlay.* is hidden, overlay.overlay.* unescaped. ACLs are
  // system.posix_acl_*. `caller` decides whether trusted.* names are listed.
  Result<std::string> getxattr(NodeId node, const std::string& name);
  Result<void> setxattr(const Caller& caller, NodeId node, const std::string& name, std::string_view value,
                        int flags);
  Result<void> removexattr(NodeId node, const std::string& name);
  Result<std::vector<std::string>> listxattr(const Caller& caller, NodeId node);

  // FS_IOC_GETFLAGS / FS_IOC_SETFLAGS.
  Result<unsigned> get_flags(NodeId node);
  Result<void> set_flags(NodeId node, unsigned flags);

  Result<struct statvfs> statfs();
  Result<void> syncfs();

  // DAC and ACL check with access(2) bits R_OK, W_OK, X_OK. EACCES, or EROFS for writing to a read-only
  // mount.
  Result<void> permission(const Caller& caller, NodeId node, int mask);
  // May the caller make these changes (ownership rules of chmod, chown, utimensat, truncate)? EPERM or
  // EACCES.
  Result<void> may_setattr(const Caller& caller, NodeId node, const SetAttr& change);
  // May the caller remove this child (write and search permission on the parent, sticky bit)?
  Result<void> may_delete(const Caller& caller, NodeId parent, NodeId child);
  // May the caller set or remove this xattr (owner for ACLs, write permission for user.*, CAP_SYS_ADMIN ...)?
  Result<void> may_setxattr(const Caller& caller, NodeId node, const std::string& name);

 private:
  explicit Overlay(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

// Owns one lookup of a node.
class NodeRef {
 public:
  NodeRef() = default;
  NodeRef(Overlay& overlay, NodeId id) : overlay_(&overlay), id_(id) {}
  NodeRef(NodeRef&& other) noexcept
      : overlay_(std::exchange(other.overlay_, nullptr)), id_(std::exchange(other.id_, 0)) {}
  NodeRef& operator=(NodeRef&& other) noexcept {
    std::swap(overlay_, other.overlay_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~NodeRef() {
    if (overlay_) overlay_->forget(id_, 1);
  }
  NodeId id() const { return id_; }
  explicit operator bool() const { return overlay_ != nullptr; }

 private:
  Overlay* overlay_ = nullptr;
  NodeId id_ = 0;
};

}  // namespace userlay
