// Test helpers: temporary trees, a path view of an Overlay, textual snapshots, and kernel overlayfs in a
// child.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/userspace/userlay/fd.h"
#include "adapters/userspace/userlay/userlay.h"

namespace userlay::testing {

namespace fs = std::filesystem;

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline bool is_root() {
  return ::geteuid() == 0;
}

// A directory tree that disappears again.
class TempDir {
 public:
  explicit TempDir(const fs::path& base = fs::temp_directory_path()) {
    std::string pattern = base / "userlay-XXXXXX";
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    for (auto it = fs::recursive_directory_iterator(path_, ignored); it != fs::recursive_directory_iterator();
         it.increment(ignored)) {
      if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
        fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
      }
    }
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// Where trees with overlay marks are cheap to make: tmpfs, when it stores user xattrs (since 6.6).
inline fs::path fast_base() {
  const fs::path shm = "/dev/shm";
  if (::access(shm.c_str(), W_OK) < 0) return fs::temp_directory_path();
  const TempDir probe(shm);
  return ::setxattr(probe.path().c_str(), "user.probe", "", 0, 0) < 0 ? fs::temp_directory_path() : shm;
}

inline void put(const fs::path& path, const std::string& data) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << data;
}

inline std::string slurp(const fs::path& path) {
  errno = 0;
  std::ifstream in(path);
  if (!in) return std::string("(") + std::strerror(errno) + ")";
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline std::string xattr_of(const fs::path& path, const std::string& name) {
  char buffer[256];
  const ssize_t got = ::lgetxattr(path.c_str(), name.c_str(), buffer, sizeof buffer);
  return got < 0 ? "(none)" : std::string(buffer, static_cast<std::size_t>(got));
}

inline bool is_whiteout(const fs::path& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

// Layers lower0 (topmost), lower1, ..., upper, work and a mount point.
struct Layers {
  TempDir dir;
  int lowers;
  explicit Layers(int lower_count = 1, const fs::path& base = fast_base()) : dir(base), lowers(lower_count) {
    for (int i = 0; i < lowers; ++i) fs::create_directory(lower(i));
    for (const char* name : {"upper", "work", "merged"}) fs::create_directory(dir / name);
  }
  fs::path lower(int i = 0) const { return dir / ("lower" + std::to_string(i)); }
  fs::path upper() const { return dir / "upper"; }
  std::string options(const std::string& extra = "") const {
    std::string text = "lowerdir=";
    for (int i = 0; i < lowers; ++i) text += (i ? ":" : "") + lower(i).string();
    text += ",upperdir=" + upper().string() + ",workdir=" + (dir / "work").string();
    return extra.empty() ? text : text + "," + extra;
  }
};

inline std::unique_ptr<Overlay> mount(const std::string& options) {
  auto spec = parse_options(options);
  if (!spec) return nullptr;
  auto overlay = Overlay::mount(*spec);
  if (!overlay) ADD_FAILURE() << "mount " << options << ": " << std::strerror(overlay.error());
  return overlay ? std::move(*overlay) : nullptr;
}

// trusted.* for root, user.* otherwise.
inline std::string marks() {
  return is_root() ? "" : "userxattr";
}
inline std::string mark_name(const std::string& name) {
  return (is_root() ? "trusted.overlay." : "user.overlay.") + name;
}

// Operations by path, as the calling process. Errors are errno values, 0 is success.
class Paths {
 public:
  explicit Paths(Overlay& overlay) : overlay_(overlay) {}

  Result<Entry> find(const std::string& path) {
    Entry entry{kRootNode, {}};
    auto root = overlay_.getattr(kRootNode);
    if (!root) return tl::unexpected(root.error());
    entry.attr = *root;
    for (const auto& part : fs::path(path).relative_path()) {
      if (S_ISLNK(entry.attr.st_mode)) {
        // Tests use dangling ones only.
        overlay_.forget(entry.node, 1);
        return tl::unexpected(ENOENT);
      }
      auto next = overlay_.lookup(entry.node, part);
      if (entry.node != kRootNode) overlay_.forget(entry.node, 1);
      if (!next) return next;
      entry = *next;
    }
    return entry;
  }

  // Runs `call(parent, name)`.
  template <class Call>
  int in_parent(const std::string& path, Call call) {
    auto parent = find(fs::path(path).parent_path());
    if (!parent) return parent.error();
    NodeRef hold(overlay_, parent->node);
    if (S_ISLNK(parent->attr.st_mode)) return ENOENT;  // dangling
    if (!S_ISDIR(parent->attr.st_mode)) return ENOTDIR;
    return call(parent->node, fs::path(path).filename().string());
  }

  int mkdir(const std::string& path, mode_t mode = 0755) {
    return in_parent(path,
                     [&](NodeId p, const std::string& n) { return made(overlay_.mkdir(self_, p, n, mode)); });
  }
  int symlink(const std::string& target, const std::string& path) {
    return in_parent(
        path, [&](NodeId p, const std::string& n) { return made(overlay_.symlink(self_, p, n, target)); });
  }
  int mknod(const std::string& path, mode_t mode, dev_t rdev = 0) {
    return in_parent(
        path, [&](NodeId p, const std::string& n) { return made(overlay_.mknod(self_, p, n, mode, rdev)); });
  }
  int unlink(const std::string& path) {
    return in_parent(path, [&](NodeId p, const std::string& n) { return code(overlay_.unlink(p, n)); });
  }
  int rmdir(const std::string& path) {
    return in_parent(path, [&](NodeId p, const std::string& n) { return code(overlay_.rmdir(p, n)); });
  }
  int rename(const std::string& from, const std::string& to, unsigned flags = 0) {
    return in_parent(from, [&](NodeId p, const std::string& n) {
      return in_parent(
          to, [&](NodeId q, const std::string& m) { return code(overlay_.rename(p, n, q, m, flags)); });
    });
  }
  int link(const std::string& from, const std::string& to) {
    auto node = find(from);
    if (!node) return node.error();
    NodeRef hold(overlay_, node->node);
    return in_parent(to,
                     [&](NodeId p, const std::string& n) { return made(overlay_.link(node->node, p, n)); });
  }
  // open(2) with O_CREAT as needed.
  Result<std::unique_ptr<File>> open(const std::string& path, int flags, mode_t mode = 0644) {
    auto node = find(path);
    if (node) {
      NodeRef hold(overlay_, node->node);
      if ((flags & O_CREAT) && (flags & O_EXCL)) return tl::unexpected(EEXIST);
      return overlay_.open(self_, node->node, flags & ~O_CREAT);
    }
    if (!(flags & O_CREAT)) return tl::unexpected(node.error());
    std::unique_ptr<File> file;
    const int failed = in_parent(path, [&](NodeId p, const std::string& n) {
      auto opened = overlay_.create(self_, p, n, flags, mode);
      if (!opened) return opened.error();
      overlay_.forget(opened->entry.node, 1);
      file = std::move(opened->file);
      return 0;
    });
    if (failed) return tl::unexpected(failed);
    return file;
  }
  int write(const std::string& path, const std::string& data, int flags = O_WRONLY | O_CREAT | O_TRUNC) {
    auto file = open(path, flags);
    if (!file) return file.error();
    auto put = (*file)->write(self_, bytes(data));
    return put ? 0 : put.error();
  }
  std::string read(const std::string& path) {
    auto file = open(path, O_RDONLY);
    if (!file) return std::string("(") + std::strerror(file.error()) + ")";
    return read(**file);
  }
  static std::string read(File& file, off_t offset = 0) {
    std::string data(1 << 20, '\0');
    auto got = file.pread(std::as_writable_bytes(std::span(data)), offset);
    if (!got) return std::string("(") + std::strerror(got.error()) + ")";
    data.resize(*got);
    return data;
  }
  int setattr(const std::string& path, const SetAttr& change) {
    return with(path, [&](NodeId id) {
      auto r = overlay_.setattr(self_, id, change);
      return r ? 0 : r.error();
    });
  }
  int chmod(const std::string& path, mode_t mode) {
    SetAttr change;
    change.mode = mode;
    return setattr(path, change);
  }
  int truncate(const std::string& path, off_t size) {
    SetAttr change;
    change.size = size;
    return setattr(path, change);
  }
  int setxattr(const std::string& path, const std::string& name, const std::string& value) {
    return with(path, [&](NodeId id) { return code(overlay_.setxattr(self_, id, name, value, 0)); });
  }
  int removexattr(const std::string& path, const std::string& name) {
    return with(path, [&](NodeId id) { return code(overlay_.removexattr(id, name)); });
  }
  struct stat stat(const std::string& path) {
    auto node = find(path);
    if (!node) return {};
    overlay_.forget(node->node, 1);
    return node->attr;
  }
  int error(const std::string& path) {
    auto node = find(path);
    if (!node) return node.error();
    overlay_.forget(node->node, 1);
    return 0;
  }
  // Sorted names without "." and "..".
  std::vector<std::string> list(const std::string& path) {
    std::vector<std::string> names;
    with(path, [&](NodeId id) {
      auto dir = overlay_.opendir(id);
      if (!dir) return dir.error();
      auto r = (*dir)->read(0, [&](const DirEntry& e) {
        if (e.name != "." && e.name != "..") names.emplace_back(e.name);
        return true;
      });
      return code(r);
    });
    std::sort(names.begin(), names.end());
    return names;
  }
  template <class Call>
  int with(const std::string& path, Call call) {
    auto node = find(path);
    if (!node) return node.error();
    NodeRef hold(overlay_, node->node);
    return call(node->node);
  }
  Overlay& overlay() { return overlay_; }

 private:
  static int code(const Result<void>& r) { return r ? 0 : r.error(); }
  int made(const Result<Entry>& r) {
    if (!r) return r.error();
    overlay_.forget(r->node, 1);
    return 0;
  }
  Overlay& overlay_;
  Caller self_ = Caller::self();
};

// What a snapshot shows besides names, types, modes, owners, sizes, contents and xattrs.
struct Detail {
  bool marks = false;            // overlay.* attributes
  time_t old_before = 0;         // modification times before this are shown
  std::set<ino_t> known_inodes;  // inode numbers among these are shown
};

inline std::string printable(const std::string& value) {
  std::string out;
  for (const char c : value) {
    char byte[8];
    std::snprintf(byte, sizeof byte, std::isgraph(static_cast<unsigned char>(c)) ? "%c" : "%02x",
                  static_cast<unsigned char>(c));
    out += byte;
  }
  return out;
}

inline std::string describe_stat(const std::string& relative, const struct stat& st, const Detail& detail) {
  char line[512];
  std::snprintf(line, sizeof line, "%s %o %u:%u %lld links=%u", relative.empty() ? "." : relative.c_str(),
                st.st_mode, st.st_uid, st.st_gid,
                S_ISDIR(st.st_mode) ? 0LL : static_cast<long long>(st.st_size),
                static_cast<unsigned>(S_ISCHR(st.st_mode) ? 0 : st.st_nlink));
  std::string out = line;
  if (st.st_mtim.tv_sec < detail.old_before) out += " mtime=" + std::to_string(st.st_mtim.tv_sec);
  if (detail.known_inodes.contains(st.st_ino)) out += " ino=" + std::to_string(st.st_ino);
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) out += " dev=" + std::to_string(st.st_rdev);
  return out;
}

// One line per object of a real directory tree.
inline void describe_real(const fs::path& root, const std::string& relative, const Detail& detail,
                          std::string& out) {
  const fs::path path = relative.empty() ? root : root / relative;
  struct stat st;
  if (::lstat(path.c_str(), &st) < 0) {
    if (errno != ENOENT) out += relative + " error " + std::strerror(errno) + "\n";
    return;
  }
  out += describe_stat(relative, st, detail);
  if (S_ISREG(st.st_mode)) out += " data=" + printable(slurp(path));
  if (S_ISLNK(st.st_mode)) out += " -> " + fs::read_symlink(path).string();
  std::vector<char> names(4096);
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  std::map<std::string, std::string> xattrs;
  for (ssize_t at = 0; at < length;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    const bool mark = name.find(".overlay.") != std::string::npos;
    if (mark && (!detail.marks || name.ends_with(".uuid"))) continue;
    xattrs[name] = xattr_of(path, name);
  }
  for (const auto& [name, value] : xattrs) out += " " + name + "=" + printable(value);
  out += "\n";
  if (!S_ISDIR(st.st_mode)) return;
  std::vector<std::string> children;
  for (const auto& entry : fs::directory_iterator(path)) children.push_back(entry.path().filename());
  std::sort(children.begin(), children.end());
  for (const std::string& child : children) {
    describe_real(root, relative.empty() ? child : relative + "/" + child, detail, out);
  }
}

inline std::string real_tree(const fs::path& root, const Detail& detail = {}) {
  std::string out;
  describe_real(root, "", detail, out);
  return out;
}

inline void describe_overlay(Paths& paths, const std::string& relative, const Detail& detail,
                             std::string& out) {
  auto node = paths.find(relative);
  // The kernel, too, lists whiteouts of unmerged lower directories that cannot be found.
  if (!node) {
    if (node.error() != ENOENT) out += relative + " error " + std::strerror(node.error()) + "\n";
    return;
  }
  Overlay& overlay = paths.overlay();
  NodeRef hold(overlay, node->node);
  const struct stat& st = node->attr;
  out += describe_stat(relative, st, detail);
  if (S_ISREG(st.st_mode)) out += " data=" + printable(paths.read(relative));
  if (S_ISLNK(st.st_mode)) out += " -> " + overlay.readlink(node->node).value_or("?");
  auto names = overlay.listxattr(Caller::self(), node->node).value_or(std::vector<std::string>());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    out += " " + name + "=" + printable(overlay.getxattr(node->node, name).value_or("?"));
  }
  out += "\n";
  if (!S_ISDIR(st.st_mode)) return;
  for (const std::string& child : paths.list(relative)) {
    describe_overlay(paths, relative.empty() ? child : relative + "/" + child, detail, out);
  }
}

inline std::string overlay_tree(Overlay& overlay, const Detail& detail = {}) {
  Paths paths(overlay);
  std::string out;
  describe_overlay(paths, "", detail, out);
  return out;
}

// The first line in which the texts differ.
inline std::string difference(const std::string& kernel, const std::string& ours) {
  std::istringstream a(kernel), b(ours);
  std::string x, y;
  for (;;) {
    const bool more_a = static_cast<bool>(std::getline(a, x));
    const bool more_b = static_cast<bool>(std::getline(b, y));
    if (!more_a && !more_b) return "";
    if (!more_a) x = "(end)";
    if (!more_b) y = "(end)";
    if (x != y) return "kernel:  " + x + "\nuserlay: " + y + "\n";
  }
}

// Runs `body` in a child with its own mount (and, for ordinary users, user) namespace in which kernel
// overlayfs is mounted on `at`. Returns what it returned; nothing when such a mount is not possible here.
inline std::optional<std::string> with_kernel_overlay(const std::string& options, const fs::path& at,
                                                      const std::function<std::string()>& body) {
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) < 0) return std::nullopt;
  Fd reader(pipe_fds[0]);
  Fd writer(pipe_fds[1]);
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    const auto set = [](const char* path, const std::string& text) { std::ofstream(path) << text; };
    if (::unshare(is_root() ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0) ::_exit(2);
    if (uid != 0) {
      set("/proc/self/setgroups", "deny");
      set("/proc/self/uid_map", std::to_string(uid) + " " + std::to_string(uid) + " 1");
      set("/proc/self/gid_map", std::to_string(gid) + " " + std::to_string(gid) + " 1");
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) ::_exit(2);
    if (::mount("overlay", at.c_str(), "overlay", 0, options.c_str()) < 0) ::_exit(2);
    std::string result;
    try {
      result = body();
    } catch (const std::exception& failure) {
      // The child must not go on as a second test program.
      result = std::string("exception: ") + failure.what();
    }
    if (::umount2(at.c_str(), MNT_DETACH) < 0) ::_exit(3);
    for (std::size_t done = 0; done < result.size();) {
      const ssize_t put = ::write(writer.get(), result.data() + done, result.size() - done);
      if (put < 0) ::_exit(3);
      done += static_cast<std::size_t>(put);
    }
    ::_exit(0);
  }
  Fd(std::move(writer));
  std::string result;
  char buffer[4096];
  for (ssize_t got; (got = ::read(reader.get(), buffer, sizeof buffer)) > 0;) {
    result.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  if (::waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 2) return std::nullopt;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return result;
}

}  // namespace userlay::testing
