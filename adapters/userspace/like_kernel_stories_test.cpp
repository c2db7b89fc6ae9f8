// Stories: calls that only mean something together - descriptors over copy_up, removed directories, locks,
// offsets of listings.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "adapters/userspace/like_kernel_calls.h"

namespace ovlcheck::like_kernel {
namespace {

// One actor's calls, each answer noted.
class Teller {
 public:
  explicit Teller(Vfs& vfs) : vfs_(vfs) {}
  ~Teller() = default;

  Vfs& vfs() { return vfs_; }
  std::string text() const { return text_; }
  Teller& note(const std::string& said) {
    text_ += "[" + said + "]";
    return *this;
  }

  int open(const std::string& path, int flags, mode_t mode = 0, int dir = AT_FDCWD) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags);
    how.mode = mode;
    const auto fd = vfs_.open({dir, path}, how);
    note("open " + (fd ? std::string("ok") : name_of(fd.error())));
    return fd.value_or(-1);
  }
  Teller& read(int fd, size_t count = 100, std::optional<off_t> offset = std::nullopt) {
    return note("read " +
                answer<std::string>(vfs_.read(fd, count, offset), [](const auto& data) { return data; }));
  }
  Teller& write(int fd, const std::string& data, std::optional<off_t> offset = std::nullopt) {
    return note("write " + answer<size_t>(vfs_.write(fd, data, offset), number<size_t>));
  }
  Teller& seek(int fd, off_t offset, int whence) {
    return note("lseek " + answer<off_t>(vfs_.lseek(fd, offset, whence), number<off_t>));
  }
  Teller& stat(const std::string& path, int dir = AT_FDCWD) {
    return note("stat " + answer<struct statx>(vfs_.stat({dir, path}, true, STATX_BASIC_STATS), describe));
  }
  Teller& put(const std::string& path, const std::string& data) {
    const int fd = open(path, O_WRONLY);
    return write(fd, data).close(fd);
  }
  Teller& close(int fd) { return note("close " + answer(vfs_.close(fd))); }
  Teller& flock(int fd, int op) { return note("flock " + answer(vfs_.flock(fd, op))); }
  Teller& lock(int fd, short type, off_t start, off_t size, bool ofd, short whence = SEEK_SET) {
    struct ::flock wanted {};
    wanted.l_type = type;
    wanted.l_whence = whence;
    wanted.l_start = start;
    wanted.l_len = size;
    return note("lock " + answer(vfs_.fcntl_lock(fd, wanted, ofd)));
  }
  Teller& did(const char* what, const Sys<void>& result) {
    return note(std::string(what) + " " + answer(result));
  }
  // Names, sorted, and how many a listing has.
  std::vector<DirEntry> list(int fd, size_t count, bool by_name = true) {
    auto entries = vfs_.readdir(fd, count);
    std::vector<std::string> names;
    if (entries)
      for (const DirEntry& entry : *entries) names.push_back(entry.name + ":" + type_name(entry.type));
    std::sort(names.begin(), names.end());
    std::string all;
    for (const std::string& name : names) all += name + " ";
    // Part of a listing has names that depend on the order, which no two have in common.
    note("readdir " + (!entries ? name_of(entries.error()) : by_name ? all : std::to_string(names.size())));
    return entries ? *entries : std::vector<DirEntry>{};
  }

 private:
  template <class T>
  static std::string number(const T& value) {
    return std::to_string(value);
  }

  Vfs& vfs_;
  std::string text_;
};

Story story(const std::string& name, const std::function<void(Teller&)>& tell) {
  return {name, [=](Vfs& vfs) {
            Teller teller(vfs);
            tell(teller);
            return "ok " + teller.text();
          }};
}

void reads_follow_copy_up(Teller& t) {
  const int reader = t.open("f", O_RDONLY);
  t.read(reader, 2);
  t.put("f", "changed!");
  t.read(reader).stat("", reader).read(reader, 9, 0);
  t.close(reader);
}

void unlinked_but_open(Teller& t) {
  const int lower = t.open("f", O_RDONLY), upper = t.open("u", O_RDWR);
  t.did("unlink", t.vfs().unlink({AT_FDCWD, "f"})).did("unlink", t.vfs().unlink({AT_FDCWD, "u"}));
  t.read(lower).write(upper, "more").read(upper, 9, 0).stat("", lower).stat("", upper);
  t.did("link", t.vfs().link({upper, ""}, {AT_FDCWD, "again"}, false));
  t.did("chmod", t.vfs().chmod({upper, ""}, 0600)).stat("", upper);
  t.did("truncate", t.vfs().truncate({upper, ""}, 1)).stat("", upper);
  t.did("chmod", t.vfs().chmod({lower, ""}, 0600)).did("chown", t.vfs().chown({lower, ""}, true, 0, 0));
  t.did("setxattr", t.vfs().setxattr({lower, ""}, true, "user.a", "b", 0));
  t.did("utimens", t.vfs().utimens({lower, ""}, true, nullptr)).read(lower, 9, 0).stat("", lower);
  t.did("link", t.vfs().link({lower, ""}, {AT_FDCWD, "back"}, false))
      .did("fsync", t.vfs().sync(lower, SyncKind::file));
  t.stat("f").close(lower).close(upper);
}

void removed_directory(Teller& t) {
  const int dir = t.open("uempty", O_RDONLY | O_DIRECTORY), lower = t.open("empty", O_RDONLY | O_DIRECTORY);
  t.did("chdir", t.vfs().chdir({AT_FDCWD, "uempty"}));
  t.did("rmdir", t.vfs().rmdir({AT_FDCWD, "/uempty"})).did("rmdir", t.vfs().rmdir({AT_FDCWD, "/empty"}));
  for (const int fd : {dir, lower}) {
    t.list(fd, 100);
    t.stat("", fd).stat("x", fd).stat("..", fd).stat("../f", fd).stat(".", fd);
    t.open("new", O_CREAT | O_RDWR, 0644, fd);
    t.did("mkdir", t.vfs().mkdir({fd, "new"}, 0755)).did("symlink", t.vfs().symlink("x", {fd, "new"}));
    t.did("link", t.vfs().link({AT_FDCWD, "/f"}, {fd, "new"}, false));
    t.did("rename", t.vfs().rename({AT_FDCWD, "/f"}, {fd, "new"}, 0));
    t.did("unlink", t.vfs().unlink({fd, "x"})).open(".", O_TMPFILE | O_RDWR, 0600, fd);
    t.did("chmod", t.vfs().chmod({fd, ""}, 0700));
    t.did("setxattr", t.vfs().setxattr({fd, ""}, true, "user.a", "b", 0));
  }
  t.stat(".").stat("..").did("mkdir", t.vfs().mkdir({AT_FDCWD, "x"}, 0755));
  t.did("chdir", t.vfs().chdir({AT_FDCWD, "/"})).close(dir).close(lower);
}

void directory_descriptors(Teller& t) {
  const int dir = t.open("d", O_PATH | O_DIRECTORY), file = t.open("f", O_RDONLY);
  t.stat("f", dir).stat("e/g", dir).stat("..", dir).stat("../f", dir).stat("/f", dir).stat("x", file);
  t.stat("/f", 999).stat("f", 999).stat("", 999);
  t.did("rename", t.vfs().rename({AT_FDCWD, "f"}, {dir, "moved"}, 0)).stat("moved", dir).stat("", file);
  t.open("n", O_CREAT | O_WRONLY, 0600, dir);
  t.did("unlink", t.vfs().unlink({dir, "f"})).did("rmdir", t.vfs().rmdir({dir, "e"}));
  t.did("rename", t.vfs().rename({AT_FDCWD, "ud"}, {dir, "inner"}, 0)).stat("inner/f", dir);
  t.did("fchdir", t.vfs().chdir({dir, ""})).stat("inner").did("chdir", t.vfs().chdir({AT_FDCWD, "/"}));
  t.close(dir).close(file);
}

// Which names come first depends on the order, which no two have in common.
void listing_offsets(Teller& t) {
  const int dir = t.open(".", O_RDONLY | O_DIRECTORY);
  const auto first = t.list(dir, 3, false);
  t.list(dir, 100, false);
  t.list(dir, 100, false);
  t.seek(dir, 0, SEEK_SET);
  t.did("mkdir", t.vfs().mkdir({AT_FDCWD, "later"}, 0755));
  t.list(dir, 100);
  if (!first.empty()) {
    const auto at = t.vfs().lseek(dir, first.back().next, SEEK_SET);
    t.note(at ? "ok" : name_of(at.error()));
    t.list(dir, 100, false);
  }
  t.seek(dir, -1, SEEK_SET).seek(dir, 0, SEEK_END).seek(dir, 100000, SEEK_SET);
  t.list(dir, 100, false);
  t.did("unlink", t.vfs().unlink({AT_FDCWD, "u"}));
  t.seek(dir, 0, SEEK_SET);
  t.list(dir, 100);
  const int upper = t.open("ud", O_RDONLY | O_DIRECTORY);
  t.list(upper, 1, false);
  t.list(upper, 1, false);
  t.did("mkdir", t.vfs().mkdir({upper, "x"}, 0755)).seek(upper, 0, SEEK_SET);
  t.list(upper, 100);
  t.close(dir).close(upper);
}

void locks(Teller& t) {
  const int a = t.open("f", O_RDONLY), b = t.open("f", O_RDONLY);
  t.flock(a, LOCK_SH | LOCK_NB)
      .flock(b, LOCK_SH | LOCK_NB)
      .flock(a, LOCK_EX | LOCK_NB)
      .flock(b, LOCK_EX | LOCK_NB);
  t.flock(a, LOCK_UN).flock(b, LOCK_EX | LOCK_NB).flock(a, 77).flock(999, LOCK_SH);
  const int c = t.open("f", O_RDWR);  // copies up
  t.flock(c, LOCK_SH | LOCK_NB).flock(b, LOCK_UN).flock(c, LOCK_EX | LOCK_NB).flock(a, LOCK_SH | LOCK_NB);
  const int path = t.open("f", O_PATH);
  t.flock(path, LOCK_SH | LOCK_NB).close(c).flock(a, LOCK_EX | LOCK_NB).close(a).flock(b, LOCK_EX | LOCK_NB);
  t.close(b).close(path);
}

void record_locks(Teller& t) {
  const int a = t.open("f", O_RDONLY), b = t.open("u", O_RDWR), c = t.open("u", O_RDWR);
  t.lock(a, F_RDLCK, 0, 0, false).lock(a, F_WRLCK, 0, 0, false).lock(b, F_WRLCK, 0, 10, true);
  t.lock(c, F_WRLCK, 9, 1, true).lock(c, F_WRLCK, 10, 1, true).lock(c, F_RDLCK, 0, 1, true);
  t.lock(b, F_RDLCK, 0, 5, true).lock(c, F_RDLCK, 0, 5, true).lock(c, F_RDLCK, 0, 6, true);
  t.lock(b, F_UNLCK, 6, 2, true).lock(c, F_WRLCK, 6, 2, true).lock(c, F_WRLCK, 5, 1, true);
  t.lock(c, F_WRLCK, 20, 0, false).lock(b, F_WRLCK, 25, 1, false).lock(b, F_WRLCK, 25, 1, true);
  t.lock(b, F_WRLCK, -1, 1, true).lock(b, F_WRLCK, 5, -6, true).lock(b, F_WRLCK, 5, -1, true);
  t.lock(b, F_WRLCK, -2, 1, true, SEEK_END).lock(b, F_WRLCK, 1, 1, true, SEEK_CUR).lock(b, 9, 0, 1, true);
  t.close(b).lock(c, F_WRLCK, 0, 20, true).close(a).close(c);
}

void unnamed_files(Teller& t) {
  const int fd = t.open("d", O_TMPFILE | O_RDWR, 0640),
            fixed = t.open("d", O_TMPFILE | O_EXCL | O_WRONLY, 0640);
  t.stat("", fd).write(fd, "data").read(fd, 9, 0);
  t.did("link", t.vfs().link({fd, ""}, {AT_FDCWD, "d/named"}, false)).stat("", fd).stat("d/named");
  t.did("link", t.vfs().link({fd, ""}, {AT_FDCWD, "d/named"}, false));
  t.did("link", t.vfs().link({fd, ""}, {AT_FDCWD, "d/second"}, false)).stat("d/named");
  t.did("link", t.vfs().link({fixed, ""}, {AT_FDCWD, "d/fixed"}, false));
  t.did("unlink", t.vfs().unlink({AT_FDCWD, "d/named"}))
      .did("unlink", t.vfs().unlink({AT_FDCWD, "d/second"}));
  t.did("link", t.vfs().link({fd, ""}, {AT_FDCWD, "d/third"}, false)).close(fd).close(fixed);
}

void positions(Teller& t) {
  const int fd = t.open("f", O_RDWR), end = t.open("f", O_RDWR | O_APPEND);
  t.seek(fd, -2, SEEK_END).write(fd, "XYZ").seek(fd, 0, SEEK_CUR).write(end, "tail").seek(end, 0, SEEK_CUR);
  t.write(end, "pos", 0).read(fd, 99, 0).seek(fd, 100, SEEK_SET).write(fd, "far").stat("", fd);
  t.seek(fd, 0, SEEK_HOLE).seek(fd, 0, SEEK_DATA).seek(fd, 999, SEEK_DATA).seek(fd, -1, SEEK_SET);
  const int to = t.open("u", O_RDWR);
  const auto copy = [&](int from, std::optional<off_t> at, int into, std::optional<off_t> where,
                        size_t size) {
    const auto count = t.vfs().copy_file_range(from, at, into, where, size);
    t.note("copy " + (count ? std::to_string(*count) : name_of(count.error())));
  };
  t.seek(fd, 1, SEEK_SET);
  copy(fd, std::nullopt, to, std::nullopt, 3);
  t.seek(fd, 0, SEEK_CUR).seek(to, 0, SEEK_CUR);
  copy(fd, 0, to, 50, 2);
  copy(to, 0, to, 1, 5);
  copy(to, 0, to, 100, 5);
  copy(fd, 0, end, 0, 5);
  copy(fd, -1, to, 0, 5);
  const int dir = t.open("d", O_RDONLY), path = t.open("f", O_PATH),
            fifo = t.open("fifo", O_RDWR | O_NONBLOCK);
  copy(dir, 0, to, 0, 5);
  copy(path, 0, to, 0, 5);
  copy(fifo, std::nullopt, to, 0, 5);
  t.did("ficlone", t.vfs().ficlone(dir, to)).did("ficlone", t.vfs().ficlone(path, to));
  t.did("ficlone", t.vfs().ficlone(fd, end)).did("ficlone", t.vfs().ficlone(fd, to));
  t.read(to, 99, 0);
  for (const int one : {fd, end, to, dir, path, fifo}) t.close(one);
}

void mappings(Teller& t) {
  const int lower = t.open("f", O_RDONLY), upper = t.open("u", O_RDWR), blind = t.open("u", O_WRONLY);
  const int dir = t.open("d", O_RDONLY), path = t.open("f", O_PATH),
            fifo = t.open("fifo", O_RDWR | O_NONBLOCK);
  const auto map = [&](int fd, size_t size, int prot, int flags) {
    const auto at = t.vfs().mmap(fd, size, prot, flags, 0);
    if (!at) {
      t.note("mmap " + name_of(at.error()));
      return;
    }
    auto* bytes = static_cast<char*>(*at);
    if (prot & PROT_WRITE) bytes[0] = 'M';
    if (prot & PROT_READ) t.note("mmap " + std::string(bytes, 3));
    t.note(::munmap(*at, size) == 0 ? "ok" : "munmap fails");
  };
  for (const int fd : {lower, upper, blind, dir, path, fifo})
    for (const int prot : {PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE})
      for (const int flags : {MAP_SHARED, MAP_PRIVATE}) map(fd, 4096, prot, flags);
  map(lower, 0, PROT_READ, MAP_SHARED);
  t.read(lower, 9, 0).read(upper, 9, 0);
  for (const int one : {lower, upper, blind, dir, path, fifo}) t.close(one);
}

void fifos(Teller& t) {
  t.open("fifo", O_WRONLY | O_NONBLOCK);
  const int in = t.open("fifo", O_RDONLY | O_NONBLOCK);
  t.did("chmod", t.vfs().chmod({AT_FDCWD, "fifo"}, 0600));  // copies up
  const int out = t.open("fifo", O_WRONLY | O_NONBLOCK);
  t.write(out, "through").read(in).read(in).stat("", in).close(out).read(in).seek(in, 0, SEEK_SET).close(in);
  t.open("sock", O_RDWR);
}

void inode_flags(Teller& t) {
  const int file = t.open("f", O_RDONLY), dir = t.open("ud", O_RDONLY), path = t.open("f", O_PATH);
  const int fifo = t.open("fifo", O_RDONLY | O_NONBLOCK);
  const auto get = [&](int fd) {
    const auto flags = t.vfs().getflags(fd);
    t.note("flags " + (flags ? std::to_string(*flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL))
                             : name_of(flags.error())));
  };
  for (const int fd : {file, dir, path, fifo, 999}) get(fd);
  const auto look = [&](int fd) {
    const auto seen = t.vfs().stat({fd, ""}, true, STATX_BASIC_STATS);
    t.note("statx " + (seen ? std::to_string(seen->stx_attributes) : name_of(seen.error())));
  };
  const auto set = [&](int fd, unsigned flags) { t.did("setflags", t.vfs().setflags(fd, flags)); };
  const auto try_all = [&](const std::string& name) {
    const At at{AT_FDCWD, name};
    for (const int flags :
         {O_RDONLY, O_WRONLY, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC, O_APPEND | O_WRONLY | O_TRUNC})
      t.close(t.open(name, flags));
    t.did("chmod", t.vfs().chmod(at, 0600)).did("chown", t.vfs().chown(at, true, 0, 0));
    t.did("truncate", t.vfs().truncate(at, 1)).did("utimens", t.vfs().utimens(at, true, nullptr));
    const timespec times[2] = {{1, 1}, {1, 1}};
    t.did("utimens", t.vfs().utimens(at, true, times)).did("access", t.vfs().access(at, 2, 0));
    t.did("setxattr", t.vfs().setxattr(at, true, "user.q", "1", 0));
    t.did("link", t.vfs().link(at, {AT_FDCWD, name + "2"}, false));
    t.did("rename", t.vfs().rename(at, {AT_FDCWD, name + "3"}, 0)).did("unlink", t.vfs().unlink(at));
    t.did("create", t.vfs().mkdir({AT_FDCWD, name + "/n"}, 0755))
        .did("rmdir", t.vfs().rmdir({AT_FDCWD, name + "/f"}));
  };
  const int writer = t.open("ud/f", O_RDWR);
  const int writer_flags = t.open("ud/f", O_RDONLY);
  for (const unsigned flags : {FS_APPEND_FL, FS_IMMUTABLE_FL, 0}) {
    set(writer_flags, flags);
    t.write(writer, "still").read(writer, 9, 0).did("ftruncate", t.vfs().truncate({writer, ""}, 3));
    t.did("fallocate", t.vfs().fallocate(writer, FALLOC_FL_KEEP_SIZE, 0, 20))
        .did("fallocate", t.vfs().fallocate(writer, 0, 0, 20));
    t.did("fchmod", t.vfs().chmod({writer, ""}, 0644))
        .did("futimens", t.vfs().utimens({writer, ""}, true, nullptr));
  }
  t.close(writer).close(writer_flags);
  for (const unsigned flags : {FS_NODUMP_FL, FS_APPEND_FL, FS_IMMUTABLE_FL}) {
    set(file, flags);
    set(dir, flags);
    for (const int fd : {file, dir}) {
      get(fd);
      look(fd);
    }
    if (flags == FS_NODUMP_FL) continue;
    try_all("f");
    try_all("ud");
  }
  for (const int fd : {file, dir, path, fifo}) set(fd, 0);
  for (const int fd : {file, dir}) get(fd);
  for (const int fd : {file, dir, path, fifo}) t.close(fd);
}

void default_acls(Teller& t) {
  // u::rwx,u:7:rwx,g::r-x,m::rwx,o::---
  const std::string acl(
      "\2\0\0\0\1\0\7\0\377\377\377\377\2\0\7\0\7\0\0\0\4\0\5\0\377\377\377\377\20\0\7\0\377\377\377\377\40\0"
      "\0\0\377\377\377\377",
      44);
  for (const char* name : {"d", "ud"}) {
    const std::string dir = name;
    t.did("setfacl", t.vfs().setxattr({AT_FDCWD, dir}, true, "system.posix_acl_default", acl, 0));
    t.close(t.open(dir + "/new", O_CREAT | O_WRONLY, 0666))
        .did("mkdir", t.vfs().mkdir({AT_FDCWD, dir + "/sub"}, 0777));
    t.did("mknod", t.vfs().mknod({AT_FDCWD, dir + "/pipe"}, S_IFIFO | 0666, 0));
    t.close(t.open(dir, O_TMPFILE | O_RDWR, 0666));
    for (const char* child : {"/new", "/sub", "/pipe"}) t.stat(dir + child);
    for (const char* kind : {"system.posix_acl_access", "system.posix_acl_default"})
      for (const char* child : {"/new", "/sub", "/pipe", ""})
        t.note(answer<std::string>(t.vfs().getxattr({AT_FDCWD, dir + child}, true, kind), [](const auto& v) {
          return std::to_string(std::hash<std::string>()(v));
        }));
    t.did("setfacl", t.vfs().setxattr({AT_FDCWD, dir + "/f"}, true, "system.posix_acl_default", acl, 0));
    t.did("setfacl", t.vfs().setxattr({AT_FDCWD, dir + "/f"}, true, "system.posix_acl_access", acl, 0));
    t.stat(dir + "/f").did("chmod", t.vfs().chmod({AT_FDCWD, dir + "/f"}, 0640)).stat(dir + "/f");
    t.did("setfacl",
          t.vfs().setxattr({AT_FDCWD, dir + "/f"}, true, "system.posix_acl_access", acl.substr(0, 43), 0));
    t.did("setfacl",
          t.vfs().setxattr({AT_FDCWD, dir + "/f"}, true, "system.posix_acl_access", acl.substr(0, 36), 0));
    t.did("setfacl",
          t.vfs().setxattr({AT_FDCWD, dir + "/f"}, true, "system.posix_acl_access", "\1\0\0\0", 0));
    t.did("removexattr", t.vfs().removexattr({AT_FDCWD, dir}, true, "system.posix_acl_default"));
  }
}

void umasks_and_set_gid(Teller& t) {
  t.did("umask", t.vfs().umask(0)).close(t.open("a", O_CREAT | O_WRONLY, 0777)).stat("a");
  t.did("umask", t.vfs().umask(077)).close(t.open("b", O_CREAT | O_WRONLY, 0777)).stat("b");
  t.did("mkdir", t.vfs().mkdir({AT_FDCWD, "dir"}, 0777))
      .stat("dir")
      .did("chmod", t.vfs().chmod({AT_FDCWD, "ud"}, 02755));
  t.close(t.open("ud/n", O_CREAT | O_WRONLY, 02777))
      .stat("ud/n")
      .did("mkdir", t.vfs().mkdir({AT_FDCWD, "ud/m"}, 0777));
  t.stat("ud/m").did("symlink", t.vfs().symlink("x", {AT_FDCWD, "ud/l"}));
}

void hard_links(Teller& t) {
  t.did("link", t.vfs().link({AT_FDCWD, "f"}, {AT_FDCWD, "d/hard"}, false)).stat("f").stat("d/hard");
  t.did("rename", t.vfs().rename({AT_FDCWD, "f"}, {AT_FDCWD, "d/hard"}, 0)).stat("f").stat("d/hard");
  t.did("rename", t.vfs().rename({AT_FDCWD, "f"}, {AT_FDCWD, "d/hard"}, 1));
  t.did("rename", t.vfs().rename({AT_FDCWD, "f"}, {AT_FDCWD, "d/hard"}, 2));
  t.put("f", "both").did("unlink", t.vfs().unlink({AT_FDCWD, "f"})).stat("d/hard");
  t.did("link", t.vfs().link({AT_FDCWD, "d/hard"}, {AT_FDCWD, "f"}, false)).stat("f");
  t.did("link", t.vfs().link({AT_FDCWD, "link"}, {AT_FDCWD, "link2"}, false)).stat("link2");
}

}  // namespace

std::vector<Story> stories(bool privileged) {
  std::vector<Story> all = {story("reads follow copy_up", reads_follow_copy_up),
                            story("unlinked but open", unlinked_but_open),
                            story("removed directory", removed_directory),
                            story("directory descriptors", directory_descriptors),
                            story("listing offsets", listing_offsets),
                            story("locks", locks),
                            story("record locks", record_locks),
                            story("unnamed files", unnamed_files),
                            story("positions", positions),
                            story("mappings", mappings),
                            story("fifos", fifos),
                            story("inode flags", inode_flags),
                            story("default ACLs", default_acls),
                            story("umasks and set-gid", umasks_and_set_gid)};
  if (privileged) all.push_back(story("hard links", hard_links));
  return all;
}

}  // namespace ovlcheck::like_kernel
