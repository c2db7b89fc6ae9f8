#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <vector>

#include "harness/ops/acl.h"
#include "harness/ops/directory.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

constexpr Time kDefaultTime{1000000000, 0};

Sys<void> done(long result) {
  if (result < 0) return failed(errno);
  return {};
}

bool has_hardlink(const Tree& tree) {
  if (tree.type == NodeType::hardlink) return true;
  return std::any_of(tree.children.begin(), tree.children.end(),
                     [](const auto& child) { return has_hardlink(child.second); });
}

bool valid_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

// A node to give attributes to: by descriptor where there is one, else by name in a directory.
struct Spot {
  int fd = -1;
  int dir = -1;
  const char* name = nullptr;
};

Sys<void> write_all(int fd, std::string_view bytes, off_t offset) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (wrote < 0) return failed(errno);
    bytes.remove_prefix(static_cast<size_t>(wrote));
    offset += wrote;
  }
  return {};
}

Sys<void> write_fill(int fd, char byte, uint64_t size, off_t offset) {
  const std::string chunk(std::min<uint64_t>(size, 65536), byte);
  for (uint64_t at = 0; at < size; at += chunk.size()) {
    const auto part = std::string_view(chunk).substr(0, std::min<uint64_t>(chunk.size(), size - at));
    if (auto ok = write_all(fd, part, offset + static_cast<off_t>(at)); !ok) return ok;
  }
  return {};
}

Sys<void> write_content(int fd, const Content& content) {
  off_t at = 0;
  bool ends_in_hole = false;
  for (const Piece& piece : content.pieces) {
    Sys<void> ok;
    uint64_t size = piece.size;
    switch (piece.kind) {
      case Piece::Kind::data:
        size = piece.bytes.size();
        ok = write_all(fd, piece.bytes, at);
        break;
      case Piece::Kind::fill:
        ok = write_fill(fd, piece.bytes.empty() ? '\0' : piece.bytes[0], size, at);
        break;
      case Piece::Kind::hole:
        break;
      case Piece::Kind::digest:
        return failed(EINVAL);  // the bytes are not known
    }
    if (!ok) return ok;
    ends_in_hole = piece.kind == Piece::Kind::hole;
    at += static_cast<off_t>(size);
  }
  return ends_in_hole ? done(::ftruncate(fd, at)) : Sys<void>();
}

Sys<void> set_xattr(const Spot& spot, const char* name, const std::string& value) {
  if (spot.fd >= 0) return done(::fsetxattr(spot.fd, name, value.data(), value.size(), 0));
  const KeepCurrentDirectory keep;
  if (::fchdir(spot.dir) != 0) return failed(errno);
  return done(::lsetxattr(spot.name, name, value.data(), value.size(), 0));
}

Sys<void> set_acl(const Spot& spot, const char* name, const std::optional<std::string>& text) {
  if (!text) return {};
  const auto value = xattr_from_acl(*text);
  if (!value) return failed(EINVAL);
  return set_xattr(spot, name, *value);
}

Sys<void> set_owner(const Spot& spot, const Tree& node) {
  if (!node.uid && !node.gid) return {};
  const uid_t uid = node.uid.value_or(static_cast<uid_t>(-1));
  const gid_t gid = node.gid.value_or(static_cast<gid_t>(-1));
  if (spot.fd >= 0) return done(::fchown(spot.fd, uid, gid));
  return done(::fchownat(spot.dir, spot.name, uid, gid, AT_SYMLINK_NOFOLLOW));
}

Sys<void> set_mode(const Spot& spot, mode_t mode) {
  return done(spot.fd >= 0 ? ::fchmod(spot.fd, mode) : ::fchmodat(spot.dir, spot.name, mode, 0));
}

Sys<void> set_times(const Spot& spot, const Tree& node, bool defaults) {
  if (!defaults && !node.atime && !node.mtime) return {};
  const auto to_timespec = [&](const std::optional<Time>& time) {
    if (!time && !defaults) return timespec{0, UTIME_OMIT};
    const Time value = time.value_or(kDefaultTime);
    return timespec{value.sec, value.nsec};
  };
  const timespec times[2] = {to_timespec(node.atime), to_timespec(node.mtime)};
  return done(spot.fd >= 0 ? ::futimens(spot.fd, times)
                           : ::utimensat(spot.dir, spot.name, times, AT_SYMLINK_NOFOLLOW));
}

// Owner first (it clears set-id bits and capabilities), then attributes and mode; an access ACL changes the
// mode, so that a mode that is asked for is set again after it. Without `defaults` only what the tree
// mentions is set.
Sys<void> set_attributes(const Spot& spot, const Tree& node, bool defaults) {
  const bool has_mode = node.type != NodeType::symlink;
  const mode_t default_mode = node.type == NodeType::directory ? 0755 : 0644;
  Sys<void> ok = set_owner(spot, node);
  for (const auto& [name, value] : node.xattrs)
    if (ok && value) ok = set_xattr(spot, name.c_str(), *value);
  if (ok && has_mode && (defaults || node.mode)) ok = set_mode(spot, node.mode.value_or(default_mode));
  if (ok) ok = set_acl(spot, kAclXattr, node.acl);
  if (ok) ok = set_acl(spot, kDefaultAclXattr, node.default_acl);
  if (ok && node.acl && node.mode) ok = set_mode(spot, *node.mode);
  if (ok) ok = set_times(spot, node, defaults);
  return ok;
}

class Builder {
 public:
  Builder(int root, bool late_attributes) : root_(root), late_attributes_(late_attributes) {}

  // Everything below `dir`; directories get their attributes when they are complete.
  Sys<void> children(int dir, const Tree& tree) {
    for (const auto& [name, child] : tree.children) {
      const size_t before = path_.size();
      path_ += (path_.empty() ? "" : "/") + name;
      if (auto ok = valid_name(name) ? node(dir, name.c_str(), child) : failed(EINVAL); !ok) return ok;
      path_.resize(before);
    }
    return {};
  }

  Sys<void> links(int dir, const Tree& tree) {
    for (const auto& [name, child] : tree.children) {
      const size_t before = path_.size();
      path_ += (path_.empty() ? "" : "/") + name;
      Sys<void> ok;
      if (child.type == NodeType::hardlink) ok = link(dir, name.c_str(), child);
      if (child.type == NodeType::directory) {
        const auto below = open_directory(dir, name.c_str());
        ok = below ? links(below->get(), child) : failed(below.error());
        if (ok) ok = set_attributes({.fd = below->get()}, child, was_made(path_));
      }
      if (!ok) return ok;
      path_.resize(before);
    }
    return {};
  }

  // Of the node under way when something failed.
  const std::string& path() const { return path_; }

 private:
  // Creates a non-directory, in place of one that is there.
  template <class Create>
  Sys<int> create(int dir, const char* name, Create make) {
    int made = make();
    if (made < 0 && errno == EEXIST) {
      if (::unlinkat(dir, name, 0) != 0) return failed(errno);
      made = make();
    }
    if (made < 0) return failed(errno);
    return made;
  }

  Sys<void> node(int dir, const char* name, const Tree& tree) {
    switch (tree.type) {
      case NodeType::directory:
        return directory(dir, name, tree);
      case NodeType::file:
        return file(dir, name, tree);
      case NodeType::hardlink:
        return {};  // links() makes them
      case NodeType::whiteout:
        return failed(EINVAL);  // a dialect's matter
      case NodeType::symlink: {
        const auto made = create(dir, name, [&] { return ::symlinkat(tree.target.c_str(), dir, name); });
        return made ? set_attributes({.dir = dir, .name = name}, tree, true) : failed(made.error());
      }
      default:
        return special(dir, name, tree);
    }
  }

  Sys<void> directory(int dir, const char* name, const Tree& tree) {
    const bool made = ::mkdirat(dir, name, 0755) == 0;
    if (!made && errno != EEXIST) return failed(errno);
    if (made && late_attributes_) made_.push_back(path_);
    const auto below = open_directory(dir, name);
    if (!below) return failed(below.error());
    const auto ok = children(below->get(), tree);
    return ok && !late_attributes_ ? set_attributes({.fd = below->get()}, tree, made) : ok;
  }

  Sys<void> file(int dir, const char* name, const Tree& tree) {
    const auto made = create(dir, name, [&] {
      return ::openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    });
    if (!made) return failed(made.error());
    const Fd fd(*made);
    const auto ok = write_content(fd.get(), tree.content);
    return ok ? set_attributes({.fd = fd.get()}, tree, true) : ok;
  }

  Sys<void> special(int dir, const char* name, const Tree& tree) {
    mode_t type = S_IFIFO;
    if (tree.type == NodeType::socket) type = S_IFSOCK;
    if (tree.type == NodeType::character) type = S_IFCHR;
    if (tree.type == NodeType::block) type = S_IFBLK;
    const dev_t device = type == S_IFCHR || type == S_IFBLK ? makedev(tree.major, tree.minor) : 0;
    const auto made = create(dir, name, [&] { return ::mknodat(dir, name, type | 0644, device); });
    return made ? set_attributes({.dir = dir, .name = name}, tree, true) : failed(made.error());
  }

  Sys<void> link(int dir, const char* name, const Tree& tree) {
    // The target's directories are walked one by one, so that no link on the way is followed.
    Fd on_the_way;
    int from = root_;
    std::string_view rest = tree.target;
    for (size_t slash; (slash = rest.find('/')) != rest.npos; rest.remove_prefix(slash + 1)) {
      auto next = open_directory(from, std::string(rest.substr(0, slash)).c_str());
      if (!next) return failed(next.error());
      on_the_way = std::move(*next);
      from = on_the_way.get();
    }
    const std::string last(rest);
    const auto made = create(dir, name, [&] { return ::linkat(from, last.c_str(), dir, name, 0); });
    return made ? Sys<void>() : failed(made.error());
  }

  bool was_made(const std::string& path) const {
    return std::find(made_.begin(), made_.end(), path) != made_.end();
  }

  int root_;
  bool late_attributes_;  // links change their directories: these are finished after all links are there
  std::string path_;
  std::vector<std::string> made_;
};

}  // namespace

Sys<void> build_tree(int dir, const Tree& tree, std::string* where) {
  auto root = open_directory(dir, ".");
  if (!root) return failed(root.error());
  const auto there = read_directory(root->get());
  if (!there) return failed(there.error());

  const bool links = has_hardlink(tree);
  Builder builder(root->get(), links);
  Sys<void> ok = builder.children(root->get(), tree);
  if (ok && links) ok = builder.links(root->get(), tree);
  if (ok) ok = set_attributes({.fd = root->get()}, tree, there->empty());
  if (!ok && where != nullptr) *where = builder.path();
  return ok;
}

}  // namespace ovlcheck
