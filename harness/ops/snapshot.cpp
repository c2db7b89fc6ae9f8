#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <functional>
#include <set>

#include "harness/case/fnv.h"
#include "harness/case/vocabulary.h"
#include "harness/ops/acl.h"
#include "harness/ops/directory.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

constexpr size_t kKeptBytes = 4096;           // longer contents are carried as digest
constexpr int kDeepest = 256;                 // a directory that contains itself ends here
constexpr uint64_t kMostExcess = 1 << 20;     // bytes read beyond the size of a file that does not end
constexpr uint64_t kSkipHolesFrom = 1 << 20;  // below, every byte is read and SEEK_DATA not relied upon

// How a walker reaches nodes: by name in the directory it is in; "." is that directory.
class Looker {
 public:
  virtual ~Looker() = default;
  virtual Sys<void> enter(const std::string& name) = 0;
  virtual void leave() = 0;
  // Entries of the directory it is in, without "." and "..".
  virtual Sys<std::vector<DirEntry>> list() = 0;
  virtual Sys<struct statx> stat(const std::string& name) = 0;
  virtual Sys<std::string> readlink(const std::string& name) = 0;
  virtual Sys<std::vector<std::string>> xattr_names(const std::string& name) = 0;
  virtual Sys<std::string> xattr(const std::string& name, const std::string& attribute) = 0;
  // Opened for reading, closed by close().
  virtual Sys<int> open(const std::string& name) = 0;
  virtual Sys<std::string> read(int fd, size_t count, off_t offset) = 0;
  // Where data starts at or after `offset`; ENXIO at the end.
  virtual Sys<off_t> next_data(int fd, off_t offset) = 0;
  virtual void close(int fd) = 0;
};

class Walker {
 public:
  explicit Walker(Looker& looker) : looker_(looker) {}

  Tree node(const std::string& name) {
    Tree tree;
    const auto status = looker_.stat(name);
    if (!status) {
      complain(tree, "stat", status.error());
      return tree;
    }
    take_status(tree, *status);
    take_xattrs(tree, name);
    if (tree.type == NodeType::symlink) {
      const auto target = looker_.readlink(name);
      if (target)
        tree.target = *target;
      else
        complain(tree, "readlink", target.error());
    }
    if (tree.type == NodeType::file) take_content(tree, name);
    if (tree.type == NodeType::directory) take_children(tree, name);
    return tree;
  }

 private:
  static void complain(Tree& tree, const std::string& what) {
    if (!tree.trouble.empty()) tree.trouble += "; ";
    tree.trouble += what;
  }
  static void complain(Tree& tree, const char* call, int error) {
    complain(tree, fmt::format("{} fails with {}", call, errno_name(error)));
  }

  static void take_status(Tree& tree, const struct statx& status) {
    tree.type = type_of_mode(status.stx_mode);
    tree.mode = status.stx_mode & 07777;
    tree.uid = status.stx_uid;
    tree.gid = status.stx_gid;
    tree.atime = Time{status.stx_atime.tv_sec, status.stx_atime.tv_nsec};
    tree.mtime = Time{status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec};
    tree.nlink = status.stx_nlink;
    tree.size = status.stx_size;
    if (tree.type == NodeType::file) tree.sparse = status.stx_blocks * 512 < status.stx_size;
    tree.ino = status.stx_ino;
    tree.dev = makedev(status.stx_dev_major, status.stx_dev_minor);
    if (tree.type == NodeType::character || tree.type == NodeType::block) {
      tree.major = status.stx_rdev_major;
      tree.minor = status.stx_rdev_minor;
    }
  }

  void take_xattrs(Tree& tree, const std::string& name) {
    const auto names = looker_.xattr_names(name);
    if (!names) {
      if (names.error() != ENOTSUP && names.error() != ENOSYS) complain(tree, "listxattr", names.error());
      return;
    }
    for (const std::string& attribute : *names) {
      const auto value = looker_.xattr(name, attribute);
      if (!value) {
        complain(tree, fmt::format("listxattr names {}, getxattr fails with {}", attribute,
                                   errno_name(value.error())));
        continue;
      }
      const auto acl = acl_from_xattr(*value);
      if (acl && attribute == kAclXattr)
        tree.acl = acl;
      else if (acl && attribute == kDefaultAclXattr)
        tree.default_acl = acl;
      else
        tree.xattrs[attribute] = *value;
    }
  }

  void take_content(Tree& tree, const std::string& name) {
    const auto fd = looker_.open(name);
    if (!fd) {
      complain(tree, "open", fd.error());
      return;
    }
    const auto error = read_all(tree, *fd);
    if (error) complain(tree, "read", *error);
    looker_.close(*fd);
  }

  // errno of a read that failed.
  std::optional<int> read_all(Tree& tree, int fd) {
    const uint64_t size = *tree.size;
    std::string kept;
    Fnv hash;
    uint64_t at = 0;
    for (;;) {
      if (size >= kSkipHolesFrom) {
        const auto data = looker_.next_data(fd, static_cast<off_t>(at));
        const bool in_hole = !data && data.error() == ENXIO;
        const uint64_t next = data ? static_cast<uint64_t>(*data) : in_hole ? std::max(size, at) : at;
        hash.add_zeroes(next - at);
        at = next;
      }
      // One byte more than there should be: a longer file is noticed, a short one costs one read only.
      const size_t count = size > kKeptBytes ? 256 * 1024 : kKeptBytes + 1;
      const auto bytes = looker_.read(fd, count, static_cast<off_t>(at));
      if (!bytes) return bytes.error();
      hash.add(*bytes);
      if (size <= kKeptBytes) kept += *bytes;
      at += bytes->size();
      if (bytes->empty() || (bytes->size() < count && at == size)) break;
      if (at > size + kMostExcess) break;
    }
    if (at != size) complain(tree, fmt::format("stat says {} bytes, read gives {}", size, at));
    if (size <= kKeptBytes)
      tree.content = Content::of(std::move(kept));
    else
      tree.content.pieces = {Piece{Piece::Kind::digest, hash.hex(), at}};
    return std::nullopt;
  }

  void take_children(Tree& tree, const std::string& name) {
    if (depth_ == kDeepest) return complain(tree, "directories nest too deep");
    if (const auto in = looker_.enter(name); !in) return complain(tree, "opening the directory", in.error());
    ++depth_;
    const auto entries = looker_.list();
    if (!entries)
      complain(tree, "readdir", entries.error());
    else if (entries->size() > kMostEntries)
      complain(tree, "readdir does not end");
    else
      for (const DirEntry& entry : *entries) take_child(tree, entry);
    --depth_;
    looker_.leave();
  }

  void take_child(Tree& tree, const DirEntry& entry) {
    if (tree.children.contains(entry.name))
      return complain(tree, fmt::format("readdir names \"{}\" twice", text_from_bytes(entry.name)));
    Tree child = node(entry.name);
    if (!child.mode) {
      child.trouble = "readdir names it, " + child.trouble;
      child.type = entry.type;
    } else if (entry.type_known && entry.type != child.type) {
      complain(child,
               fmt::format("readdir says {}, stat says {}", type_name(entry.type), type_name(child.type)));
    }
    tree.children.emplace(entry.name, std::move(child));
  }

  Looker& looker_;
  int depth_ = 0;
};

// By descriptor: the thread's current directory is the directory it is in.
class DirectLooker : public Looker {
 public:
  explicit DirectLooker(int root) : root_(root) {}

  Sys<void> enter(const std::string& name) override {
    auto fd = open_directory(stack_.empty() ? root_ : stack_.back().get(), name.c_str());
    if (!fd) return failed(fd.error());
    if (::fchdir(fd->get()) != 0) return failed(errno);
    stack_.push_back(std::move(*fd));
    return {};
  }
  void leave() override {
    stack_.pop_back();
    lost_ = ::fchdir(stack_.empty() ? root_ : stack_.back().get()) != 0;
  }
  Sys<std::vector<DirEntry>> list() override { return read_directory(stack_.back().get()); }
  Sys<struct statx> stat(const std::string& name) override {
    if (lost_) return failed(EACCES);
    struct statx status;
    constexpr unsigned kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (::statx(AT_FDCWD, name.c_str(), kFlags, STATX_BASIC_STATS, &status) != 0) return failed(errno);
    return status;
  }
  Sys<std::string> readlink(const std::string& name) override {
    std::array<char, PATH_MAX> buffer;
    const ssize_t size = ::readlink(name.c_str(), buffer.data(), buffer.size());
    if (size < 0) return failed(errno);
    return std::string(buffer.data(), static_cast<size_t>(size));
  }
  Sys<std::vector<std::string>> xattr_names(const std::string& name) override {
    const ssize_t size = ::llistxattr(name.c_str(), buffer_.data(), buffer_.size());
    if (size < 0) return failed(errno);
    std::vector<std::string> names;
    for (const char* at = buffer_.data(); at < buffer_.data() + size; at += names.back().size() + 1)
      names.emplace_back(at);
    return names;
  }
  Sys<std::string> xattr(const std::string& name, const std::string& attribute) override {
    const ssize_t size = ::lgetxattr(name.c_str(), attribute.c_str(), buffer_.data(), buffer_.size());
    if (size < 0) return failed(errno);
    return std::string(buffer_.data(), static_cast<size_t>(size));
  }
  Sys<int> open(const std::string& name) override {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = ::open(name.c_str(), kFlags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = ::open(name.c_str(), kFlags);
    if (fd < 0) return failed(errno);
    return fd;
  }
  Sys<std::string> read(int fd, size_t count, off_t offset) override {
    std::string bytes(count, '\0');
    const ssize_t got = ::pread(fd, bytes.data(), count, offset);
    if (got < 0) return failed(errno);
    bytes.resize(static_cast<size_t>(got));
    return bytes;
  }
  Sys<off_t> next_data(int fd, off_t offset) override {
    const off_t at = ::lseek(fd, offset, SEEK_DATA);
    if (at < 0) return failed(errno);
    return at;
  }
  void close(int fd) override { Fd(fd).reset(); }

 private:
  const int root_;
  bool lost_ = false;  // there was no way back to a directory
  std::vector<Fd> stack_;
  std::string buffer_ = std::string(XATTR_SIZE_MAX_BYTES, '\0');

  static constexpr size_t XATTR_SIZE_MAX_BYTES = 65536;
};

// Through a Vfs: by absolute path, whatever the actor's current directory.
class VfsLooker : public Looker {
 public:
  explicit VfsLooker(Vfs& vfs) : vfs_(vfs) {}

  Sys<void> enter(const std::string& name) override {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const auto fd = vfs_.open(at(name), how);
    if (!fd) return failed(fd.error());
    lengths_.push_back(path_.size());
    path_ = at(name).path;
    if (path_.back() != '/') path_ += '/';
    directories_.push_back(*fd);
    return {};
  }
  void leave() override {
    close(directories_.back());
    directories_.pop_back();
    path_.resize(lengths_.back());
    lengths_.pop_back();
  }
  Sys<std::vector<DirEntry>> list() override {
    auto entries = vfs_.readdir(directories_.back(), kMostEntries + 1);
    for (;;) {
      if (!entries) return entries;
      const size_t known = entries->size();
      const auto more = vfs_.readdir(directories_.back(), kMostEntries + 1);
      if (!more) return more;
      entries->insert(entries->end(), more->begin(), more->end());
      if (entries->size() == known || known > kMostEntries) break;
    }
    std::erase_if(*entries, [](const DirEntry& e) { return e.name == "." || e.name == ".."; });
    return entries;
  }
  Sys<struct statx> stat(const std::string& name) override {
    return vfs_.stat(at(name), false, STATX_BASIC_STATS);
  }
  Sys<std::string> readlink(const std::string& name) override { return vfs_.readlink(at(name)); }
  Sys<std::vector<std::string>> xattr_names(const std::string& name) override {
    return vfs_.listxattr(at(name), false);
  }
  Sys<std::string> xattr(const std::string& name, const std::string& attribute) override {
    return vfs_.getxattr(at(name), false, attribute);
  }
  Sys<int> open(const std::string& name) override {
    open_how how{};
    how.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME;
    auto fd = vfs_.open(at(name), how);
    if (fd || fd.error() != EPERM) return fd;
    how.flags &= ~static_cast<uint64_t>(O_NOATIME);
    return vfs_.open(at(name), how);
  }
  Sys<std::string> read(int fd, size_t count, off_t offset) override { return vfs_.read(fd, count, offset); }
  Sys<off_t> next_data(int fd, off_t offset) override { return vfs_.lseek(fd, offset, SEEK_DATA); }
  void close(int fd) override {
    // Nothing was written: closing has nothing to tell.
    (void)vfs_.close(fd);
  }

 private:
  At at(const std::string& name) const { return {AT_FDCWD, path_ + (name == "." ? "" : name)}; }

  Vfs& vfs_;
  std::string path_ = "/";
  std::vector<size_t> lengths_;
  std::vector<int> directories_;
};

}  // namespace

Tree snapshot(int dir) {
  const KeepCurrentDirectory keep;
  if (::fchdir(dir) != 0) {
    Tree tree;
    tree.trouble = "entering the directory fails with " + errno_name(errno);
    return tree;
  }
  DirectLooker looker(dir);
  return Walker(looker).node(".");
}

Tree snapshot(Vfs& vfs) {
  VfsLooker looker(vfs);
  return Walker(looker).node(".");
}

}  // namespace ovlcheck
