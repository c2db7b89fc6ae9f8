#include "adapters/userspace/like_kernel_calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "harness/case/vocabulary.h"

namespace ovlcheck::like_kernel {

std::string name_of(int error) {
  return error == kNotOffered ? "not offered" : errno_name(error);
}

std::string answer(const Sys<void>& result) {
  return result ? "ok" : name_of(result.error());
}

std::string describe(const struct statx& status) {
  std::string text;
  for (const auto number : {unsigned{status.stx_mode}, status.stx_uid, status.stx_gid, status.stx_nlink})
    text += std::to_string(number) + " ";
  const bool sized = S_ISREG(status.stx_mode) || S_ISLNK(status.stx_mode);
  return text + (sized ? std::to_string(status.stx_size) : "");
}

namespace {

std::string count(const std::vector<DirEntry>& entries) {
  return std::to_string(entries.size());
}

// Everything one may try with a descriptor, the harmless first.
std::string use(Vfs& vfs, int fd) {
  const auto number = [](const auto& value) { return std::to_string(value); };
  std::string text;
  const auto say = [&](const char* what, const std::string& said) {
    text += std::string("[") + what + " " + said + "]";
  };
  say("fstat", answer<struct statx>(vfs.stat({fd, ""}, true, STATX_BASIC_STATS), describe));
  say("read", answer<std::string>(vfs.read(fd, 3, std::nullopt), [](const auto& data) { return data; }));
  say("pread", answer<std::string>(vfs.read(fd, 9, 1), [](const auto& data) { return data; }));
  say("pread-", answer<std::string>(vfs.read(fd, 9, -1), [](const auto& data) { return data; }));
  say("lseek", answer<off_t>(vfs.lseek(fd, 2, SEEK_SET), number));
  say("lseek?", answer<off_t>(vfs.lseek(fd, 0, 77), number));
  say("rewind", answer<off_t>(vfs.lseek(fd, 0, SEEK_SET), number));
  say("readdir", answer<std::vector<DirEntry>>(vfs.readdir(fd, 100), count));
  say("write", answer<size_t>(vfs.write(fd, "W", std::nullopt), number));
  say("pwrite", answer<size_t>(vfs.write(fd, "PW", 3), number));
  say("fallocate0", answer(vfs.fallocate(fd, 0, 0, 0)));
  say("fallocate", answer(vfs.fallocate(fd, 0, 0, 10)));
  say("ftruncate", answer(vfs.truncate({fd, ""}, 4)));
  say("fchmod", answer(vfs.chmod({fd, ""}, 0640)));
  say("fchown", answer(vfs.chown({fd, ""}, true, 0, 0)));
  say("futimens", answer(vfs.utimens({fd, ""}, true, nullptr)));
  say("fgetxattr",
      answer<std::string>(vfs.getxattr({fd, ""}, true, "user.x"), [](const auto& v) { return v; }));
  say("fsetxattr", answer(vfs.setxattr({fd, ""}, true, "user.y", "1", 0)));
  say("flock", answer(vfs.flock(fd, 2 | 4)));  // LOCK_EX | LOCK_NB
  struct ::flock lock {};
  lock.l_type = F_WRLCK;
  say("ofd", answer(vfs.fcntl_lock(fd, lock, true)));
  say("fsync", answer(vfs.sync(fd, SyncKind::file)));
  say("fchdir", answer(vfs.chdir({fd, ""})));
  say("chdir", answer(vfs.chdir({AT_FDCWD, "/"})));
  return text;
}

std::function<std::string(Vfs&, const std::string&)> open_with(std::uint64_t flags, std::uint64_t mode = 0,
                                                               std::uint64_t resolve = 0) {
  return [=](Vfs& vfs, const std::string& path) {
    // A fifo without O_NONBLOCK would wait for its other end.
    const std::uint64_t waiting = flags & O_PATH ? 0 : O_NONBLOCK;
    const open_how how{flags | waiting, mode, resolve};
    auto fd = vfs.open({AT_FDCWD, path}, how);
    // Beneath a root, ".." cannot be followed while anyone on the machine mounts or renames: openat2(2).
    for (int tries = 0; resolve != 0 && !fd && fd.error() == EAGAIN && tries < 100; ++tries)
      fd = vfs.open({AT_FDCWD, path}, how);
    if (!fd) return name_of(fd.error());
    const std::string used = use(vfs, *fd);
    return "ok " + used + answer(vfs.close(*fd)) + answer(vfs.close(*fd));
  };
}

}  // namespace

std::vector<Named> open_calls() {
  static const struct {
    const char* name;
    std::uint64_t flags;
  } kFlags[] = {
      {"RDONLY", O_RDONLY},
      {"WRONLY", O_WRONLY},
      {"RDWR", O_RDWR},
      {"ACCMODE", O_ACCMODE},
      {"RDONLY NOFOLLOW", O_RDONLY | O_NOFOLLOW},
      {"RDWR NOFOLLOW", O_RDWR | O_NOFOLLOW},
      {"DIRECTORY", O_DIRECTORY},
      {"DIRECTORY NOFOLLOW", O_DIRECTORY | O_NOFOLLOW},
      {"WRONLY DIRECTORY", O_WRONLY | O_DIRECTORY},
      {"PATH", O_PATH},
      {"PATH NOFOLLOW", O_PATH | O_NOFOLLOW},
      {"PATH DIRECTORY NOFOLLOW", O_PATH | O_DIRECTORY | O_NOFOLLOW},
      {"PATH RDWR CREAT", O_PATH | O_RDWR | O_CREAT},
      {"CREAT RDONLY", O_CREAT | O_RDONLY},
      {"CREAT RDWR", O_CREAT | O_RDWR},
      {"CREAT NOFOLLOW", O_CREAT | O_RDWR | O_NOFOLLOW},
      {"CREAT EXCL", O_CREAT | O_EXCL | O_RDWR},
      {"CREAT DIRECTORY", O_CREAT | O_DIRECTORY},
      {"CREAT TRUNC", O_CREAT | O_TRUNC | O_RDWR},
      {"EXCL", O_EXCL},
      {"TRUNC RDONLY", O_TRUNC},
      {"TRUNC WRONLY", O_TRUNC | O_WRONLY},
      {"TRUNC RDWR NOFOLLOW", O_TRUNC | O_RDWR | O_NOFOLLOW},
      {"APPEND", O_APPEND | O_RDWR},
      {"APPEND RDONLY", O_APPEND},
      {"NOATIME", O_NOATIME},
      {"TMPFILE RDWR", O_TMPFILE | O_RDWR},
      {"TMPFILE RDONLY", O_TMPFILE | O_RDONLY},
      {"TMPFILE EXCL NOFOLLOW", O_TMPFILE | O_EXCL | O_WRONLY | O_NOFOLLOW},
      {"TMPFILE CREAT", O_TMPFILE | O_CREAT | O_RDWR},
  };
  std::vector<Named> calls;
  for (const auto& one : kFlags)
    calls.push_back({std::string("open ") + one.name, open_with(one.flags, 0666)});
  static const struct {
    const char* name;
    std::uint64_t resolve;
  } kResolve[] = {
      {"BENEATH", RESOLVE_BENEATH},
      {"IN_ROOT", RESOLVE_IN_ROOT},
      {"NO_SYMLINKS", RESOLVE_NO_SYMLINKS},
      {"NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS},
      {"NO_XDEV", RESOLVE_NO_XDEV},
      {"BENEATH IN_ROOT", RESOLVE_BENEATH | RESOLVE_IN_ROOT},
      {"unknown", 0x4000},
  };
  for (const auto& one : kResolve) {
    const std::string name = std::string("openat2 ") + one.name;
    calls.push_back({name, open_with(O_RDONLY, 0, one.resolve)});
    calls.push_back({name + " NOFOLLOW PATH", open_with(O_PATH | O_NOFOLLOW, 0, one.resolve)});
    calls.push_back({name + " CREAT", open_with(O_CREAT | O_RDWR, 0644, one.resolve)});
  }
  calls.push_back({"openat2 mode without CREAT", open_with(O_RDONLY, 0644, RESOLVE_NO_XDEV)});
  calls.push_back({"openat2 bad flag", open_with(1u << 30, 0, RESOLVE_NO_XDEV)});
  calls.push_back({"openat2 PATH RDWR", open_with(O_PATH | O_RDWR, 0, RESOLVE_NO_XDEV)});
  return calls;
}

std::vector<Named> looking_calls() {
  std::vector<Named> calls;
  for (const bool follow : {true, false}) {
    const std::string l = follow ? "" : "l";
    calls.push_back(
        {l + "stat", [=](Vfs& vfs, const std::string& path) {
           return answer<struct statx>(vfs.stat({AT_FDCWD, path}, follow, STATX_BASIC_STATS), describe);
         }});
    for (const char* name : {"user.x", "user.none", "trusted.x", "security.x", "system.none", "odd.x", "",
                             "system.posix_acl_access", "trusted.overlay.opaque", "user.overlay.opaque"})
      calls.push_back({l + "getxattr " + name, [=](Vfs& vfs, const std::string& path) {
                         return answer<std::string>(vfs.getxattr({AT_FDCWD, path}, follow, name),
                                                    [](const std::string& value) { return value; });
                       }});
    calls.push_back({l + "listxattr", [=](Vfs& vfs, const std::string& path) {
                       auto names = vfs.listxattr({AT_FDCWD, path}, follow);
                       if (names) std::sort(names->begin(), names->end());
                       return answer<std::vector<std::string>>(names, [](const auto& all) {
                         std::string text;
                         for (const auto& one : all) text += one + " ";
                         return text;
                       });
                     }});
  }
  calls.push_back({"statx", [](Vfs& vfs, const std::string& path) {
                     return answer<struct statx>(
                         vfs.stat({AT_FDCWD, path}, true, STATX_BASIC_STATS | STATX_BTIME),
                         [](const auto& status) {
                           return std::to_string(status.stx_mask & (STATX_BASIC_STATS | STATX_BTIME)) + " " +
                                  std::to_string(status.stx_attributes);
                         });
                   }});
  calls.push_back({"readlink", [](Vfs& vfs, const std::string& path) {
                     return answer<std::string>(vfs.readlink({AT_FDCWD, path}),
                                                [](const std::string& target) { return target; });
                   }});
  for (int mode = 0; mode <= 8; ++mode)
    for (const int flags : {0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, 1})
      calls.push_back({"access " + std::to_string(mode) + " flags " + std::to_string(flags),
                       [=](Vfs& vfs, const std::string& path) {
                         return answer(vfs.access({AT_FDCWD, path}, mode, flags));
                       }});
  calls.push_back({"statfs", [](Vfs& vfs, const std::string& path) {
                     return answer<struct statfs>(vfs.statfs({AT_FDCWD, path}), [](const auto& status) {
                       return std::to_string(status.f_type) + " " + std::to_string(status.f_namelen) + " " +
                              std::to_string(status.f_flags & ST_RDONLY);
                     });
                   }});
  calls.push_back(
      {"chdir", [](Vfs& vfs, const std::string& path) {
         const std::string moved = answer(vfs.chdir({AT_FDCWD, path}));
         const auto seen = [&](const char* name) {
           return answer<struct statx>(vfs.stat({AT_FDCWD, name}, true, STATX_BASIC_STATS), describe);
         };
         const std::string all = moved + seen("f") + seen("..") + seen("../f") + seen("/d/f");
         return all + answer(vfs.chdir({AT_FDCWD, "/"}));
       }});
  return calls;
}

std::vector<Named> changing_calls() {
  std::vector<Named> calls;
  const auto add = [&](const std::string& name, auto call) {
    calls.push_back({name, [=](Vfs& vfs, const std::string& path) {
                       return answer(call(vfs, At{AT_FDCWD, path}));
                     }});
  };
  add("mkdir", [](Vfs& vfs, const At& at) { return vfs.mkdir(at, 0777); });
  add("mkdir 07777", [](Vfs& vfs, const At& at) { return vfs.mkdir(at, 07777); });
  add("rmdir", [](Vfs& vfs, const At& at) { return vfs.rmdir(at); });
  add("unlink", [](Vfs& vfs, const At& at) { return vfs.unlink(at); });
  add("symlink", [](Vfs& vfs, const At& at) { return vfs.symlink("target", at); });
  add("symlink empty", [](Vfs& vfs, const At& at) { return vfs.symlink("", at); });
  add("symlink long", [](Vfs& vfs, const At& at) { return vfs.symlink(std::string(4096, 'x'), at); });
  add("mknod 0", [](Vfs& vfs, const At& at) { return vfs.mknod(at, 0644, 0); });
  add("mknod fifo", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFIFO | 04755, 0); });
  add("mknod socket", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFSOCK | 0600, 0); });
  add("mknod null", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFCHR | 0666, 0x103); });
  add("mknod whiteout", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFCHR | 0666, 0); });
  add("mknod directory", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFDIR | 0755, 0); });
  add("mknod symlink", [](Vfs& vfs, const At& at) { return vfs.mknod(at, S_IFLNK | 0777, 0); });
  add("chmod 640", [](Vfs& vfs, const At& at) { return vfs.chmod(at, 0640); });
  add("chmod 6755", [](Vfs& vfs, const At& at) { return vfs.chmod(at, 06755); });
  for (const bool follow : {true, false}) {
    const std::string l = follow ? "" : "l";
    add(l + "chown none", [=](Vfs& vfs, const At& at) { return vfs.chown(at, follow, -1, -1); });
    add(l + "chown 0", [=](Vfs& vfs, const At& at) { return vfs.chown(at, follow, 0, -1); });
    add(l + "chown 1000", [=](Vfs& vfs, const At& at) { return vfs.chown(at, follow, 1000, -1); });
    add(l + "chgrp 5", [=](Vfs& vfs, const At& at) { return vfs.chown(at, follow, -1, 5); });
    add(l + "utimens now", [=](Vfs& vfs, const At& at) { return vfs.utimens(at, follow, nullptr); });
    const auto times = [&](const std::string& name, timespec a, timespec m) {
      add(l + "utimens " + name, [=](Vfs& vfs, const At& at) {
        const timespec both[2] = {a, m};
        return vfs.utimens(at, follow, both);
      });
    };
    times("set", {7, 8}, {9, 10});
    times("omit", {0, UTIME_OMIT}, {0, UTIME_OMIT});
    times("omit now", {0, UTIME_OMIT}, {0, UTIME_NOW});
    times("bad", {0, 1'000'000'000}, {0, 0});
    for (const char* name : {"user.y", "trusted.y", "security.y", "system.y", "odd.y", "", "user.",
                             "trusted.overlay.opaque", "user.overlay.opaque", "system.posix_acl_access"}) {
      add(l + "setxattr " + name,
          [=](Vfs& vfs, const At& at) { return vfs.setxattr(at, follow, name, "v", 0); });
      add(l + "removexattr " + name,
          [=](Vfs& vfs, const At& at) { return vfs.removexattr(at, follow, name); });
    }
    add(l + "setxattr CREATE",
        [=](Vfs& vfs, const At& at) { return vfs.setxattr(at, follow, "user.x", "n", 1); });
    add(l + "setxattr REPLACE",
        [=](Vfs& vfs, const At& at) { return vfs.setxattr(at, follow, "user.z", "n", 2); });
    add(l + "setxattr flags",
        [=](Vfs& vfs, const At& at) { return vfs.setxattr(at, follow, "user.z", "n", 8); });
    add(l + "removexattr user.x",
        [=](Vfs& vfs, const At& at) { return vfs.removexattr(at, follow, "user.x"); });
  }
  add("truncate 2", [](Vfs& vfs, const At& at) { return vfs.truncate(at, 2); });
  add("truncate 9", [](Vfs& vfs, const At& at) { return vfs.truncate(at, 9); });
  add("truncate -1", [](Vfs& vfs, const At& at) { return vfs.truncate(at, ~uint64_t{0}); });
  return calls;
}

std::vector<NamedOfTwo> calls_of_two() {
  std::vector<NamedOfTwo> calls;
  for (const unsigned flags : {0u, 1u, 2u, 4u, 3u, 6u, 8u})
    calls.push_back({"rename " + std::to_string(flags), [=](Vfs& vfs, const auto& from, const auto& to) {
                       return answer(vfs.rename({AT_FDCWD, from}, {AT_FDCWD, to}, flags));
                     }});
  for (const bool follow : {false, true})
    calls.push_back({follow ? "link follow" : "link", [=](Vfs& vfs, const auto& from, const auto& to) {
                       return answer(vfs.link({AT_FDCWD, from}, {AT_FDCWD, to}, follow));
                     }});
  return calls;
}

}  // namespace ovlcheck::like_kernel
