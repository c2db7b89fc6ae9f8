// Directories by descriptor: reading entries with getdents64(2), and visiting without path names.
#pragma once

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <vector>

#include "harness/ops/fd.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// Opens `name` below `dir` as a directory for reading; never follows a link, leaves atime alone where
// allowed.
Sys<Fd> open_directory(int dir, const char* name);

// The node type of a mode as of stat(2).
NodeType type_of_mode(mode_t mode);

// One entry as getdents64(2) delivers it.
DirEntry entry_from(const dirent64& raw);

// Calls `visit(const dirent64&)` for every entry from the descriptor's position to the end, "." and ".."
// among them; stops early when it returns false. `buffer` is reused for every batch, so that a visitor that
// recurses needs another.
template <class Visit>
Sys<void> for_each_entry(int dir, std::span<char> buffer, Visit visit) {
  for (;;) {
    const long got = ::syscall(SYS_getdents64, dir, buffer.data(), buffer.size());
    if (got < 0) return failed(errno);
    if (got == 0) return {};
    for (long at = 0; at < got;) {
      const auto* raw = reinterpret_cast<const dirent64*>(buffer.data() + at);
      if (!visit(*raw)) return {};
      at += raw->d_reclen;
    }
  }
}

// A directory with more entries than this is one that does not end.
inline constexpr size_t kMostEntries = 1'000'000;

// All entries but "." and ".."; of an endless directory kMostEntries + 1.
Sys<std::vector<DirEntry>> read_directory(int dir);

// Remembers the calling thread's current directory and returns to it. Attributes of links and special files
// can only be reached by name from the current directory: there is no *at call for them.
class KeepCurrentDirectory {
 public:
  KeepCurrentDirectory();
  ~KeepCurrentDirectory();
  KeepCurrentDirectory(const KeepCurrentDirectory&) = delete;
  KeepCurrentDirectory& operator=(const KeepCurrentDirectory&) = delete;

 private:
  Fd before_;
};

}  // namespace ovlcheck
