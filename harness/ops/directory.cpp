#include "harness/ops/directory.h"

#include <sys/stat.h>

#include <array>
#include <cstring>

namespace ovlcheck {

Sys<Fd> open_directory(int dir, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::openat(dir, name, kFlags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = ::openat(dir, name, kFlags);  // O_NOATIME is the owner's
  if (fd < 0) return failed(errno);
  return Fd(fd);
}

NodeType type_of_mode(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return NodeType::directory;
    case S_IFLNK:
      return NodeType::symlink;
    case S_IFIFO:
      return NodeType::fifo;
    case S_IFSOCK:
      return NodeType::socket;
    case S_IFCHR:
      return NodeType::character;
    case S_IFBLK:
      return NodeType::block;
    default:
      return NodeType::file;
  }
}

DirEntry entry_from(const dirent64& raw) {
  DirEntry entry;
  entry.name = raw.d_name;
  entry.type = type_of_mode(DTTOIF(raw.d_type));
  entry.type_known = raw.d_type != DT_UNKNOWN;
  entry.ino = raw.d_ino;
  entry.next = raw.d_off;
  return entry;
}

Sys<std::vector<DirEntry>> read_directory(int dir) {
  alignas(dirent64) thread_local std::array<char, 32768> buffer;
  std::vector<DirEntry> entries;
  const auto all = for_each_entry(dir, buffer, [&](const dirent64& raw) {
    if (std::strcmp(raw.d_name, ".") != 0 && std::strcmp(raw.d_name, "..") != 0)
      entries.push_back(entry_from(raw));
    return entries.size() <= kMostEntries;
  });
  if (!all) return failed(all.error());
  return entries;
}

KeepCurrentDirectory::KeepCurrentDirectory() : before_(::open(".", O_PATH | O_CLOEXEC)) {}

KeepCurrentDirectory::~KeepCurrentDirectory() {
  // Without a way back the thread stays where it is; nothing here works by relative path names.
  if (before_ && ::fchdir(before_.get()) != 0) return;
}

}  // namespace ovlcheck
