#include "harness/generate/operation.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

namespace ovlcheck::generate {
namespace {

Observed failure(int error) {
  return {error, {}};
}

Observed done(const Sys<void>& result) {
  return result ? Observed{} : failure(result.error());
}

template <class T>
void pack(std::string& into, const T& value) {
  into.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Sorted, as neither order of entries nor of attributes means anything.
Observed listed(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  Observed seen;
  for (const auto& name : names) seen.value += name, seen.value += '\0';
  return seen;
}

Observed lstat_form(Vfs& vfs, const At& at, const At&) {
  const auto status = vfs.stat(at, false, STATX_BASIC_STATS);
  if (!status) return failure(status.error());
  Observed seen;
  pack(seen.value, status->stx_mode);
  pack(seen.value, status->stx_uid);
  pack(seen.value, status->stx_gid);
  if (!S_ISDIR(status->stx_mode)) pack(seen.value, status->stx_nlink), pack(seen.value, status->stx_size);
  pack(seen.value, std::min<int64_t>(status->stx_mtime.tv_sec, kRunsAreLaterThan));
  return seen;
}

Sys<int> open_at(Vfs& vfs, const At& at, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_NONBLOCK);  // a fifo must not block
  if (flags & O_CREAT) how.mode = 0666;
  return vfs.open(at, how);
}

Observed closing(Vfs& vfs, int fd, Observed seen) {
  const auto closed = vfs.close(fd);
  return seen.error == 0 && !closed ? failure(closed.error()) : seen;
}

Observed cat_form(Vfs& vfs, const At& at, const At&) {
  const auto fd = open_at(vfs, at, O_RDONLY);
  if (!fd) return failure(fd.error());
  auto data = vfs.read(*fd, 65536, std::nullopt);
  return closing(vfs, *fd, data ? Observed{0, std::move(*data)} : failure(data.error()));
}

Observed readdir_form(Vfs& vfs, const At& at, const At&) {
  const auto fd = open_at(vfs, at, O_RDONLY | O_DIRECTORY);
  if (!fd) return failure(fd.error());
  std::vector<std::string> names;
  for (;;) {
    const auto entries = vfs.readdir(*fd, 1024);
    if (!entries) return closing(vfs, *fd, failure(entries.error()));
    if (entries->empty()) break;
    for (const auto& entry : *entries)
      if (entry.name != "." && entry.name != "..")
        names.push_back(entry.name + '/' + static_cast<char>('0' + static_cast<int>(entry.type)));
  }
  return closing(vfs, *fd, listed(std::move(names)));
}

Observed readlink_form(Vfs& vfs, const At& at, const At&) {
  auto target = vfs.readlink(at);
  return target ? Observed{0, std::move(*target)} : failure(target.error());
}

Observed xattrs_form(Vfs& vfs, const At& at, const At&) {
  auto names = vfs.listxattr(at, false);
  return names ? listed(std::move(*names)) : failure(names.error());
}

Observed getxattr_form(Vfs& vfs, const At& at, const At&) {
  auto value = vfs.getxattr(at, false, "user.a");
  return value ? Observed{0, std::move(*value)} : failure(value.error());
}

Observed put(Vfs& vfs, const At& at, int flags, std::string_view data) {
  const auto fd = open_at(vfs, at, O_WRONLY | flags);
  if (!fd) return failure(fd.error());
  const auto count = vfs.write(*fd, data, std::nullopt);
  Observed seen;
  if (count)
    pack(seen.value, *count);
  else
    seen.error = count.error();
  return closing(vfs, *fd, std::move(seen));
}

template <int flags>
Observed put_form(Vfs& vfs, const At& at, const At&) {
  return put(vfs, at, flags, "Z");
}

Json put_step(const std::string& path, const char* flags) {
  return {{"put", path}, {"data", "Z"}, {"flags", flags}};
}

Json create_step(const std::string& path, const char* flags) {
  Json step = put_step(path, flags);
  step["mode"] = "0666";
  return step;
}

template <unsigned flags>
Observed rename_form(Vfs& vfs, const At& from, const At& to) {
  return done(vfs.rename(from, to, flags));
}

template <uint64_t size>
Observed truncate_form(Vfs& vfs, const At& at, const At&) {
  return done(vfs.truncate(at, size));
}

template <mode_t mode>
Observed chmod_form(Vfs& vfs, const At& at, const At&) {
  return done(vfs.chmod(at, mode));
}

Observed utimens_form(Vfs& vfs, const At& at, const At&) {
  const timespec times[2] = {{5, 0}, {7, 0}};
  return done(vfs.utimens(at, false, times));
}

void close_if_open(Vfs& vfs, int& fd) {
  if (fd >= 0) (void)vfs.close(fd);  // another one takes its name
  fd = -1;
}

template <int flags>
Observed open_form(Vfs& vfs, const At& at, int& fd) {
  close_if_open(vfs, fd);
  const auto opened = open_at(vfs, at, flags);
  if (!opened) return failure(opened.error());
  fd = *opened;
  return {};
}

Json open_step(const std::string& path, const std::string& fd, const char* flags) {
  return {{"open", path}, {"flags", flags}, {"as", fd}};
}

Observed read_form(Vfs& vfs, const At&, int& fd) {
  auto data = vfs.read(fd, 64, 0);
  return data ? Observed{0, std::move(*data)} : failure(data.error());
}

Observed write_form(Vfs& vfs, const At&, int& fd) {
  const auto count = vfs.write(fd, "W", 1);
  Observed seen;
  if (!count) return failure(count.error());
  pack(seen.value, *count);
  return seen;
}

Observed close_form(Vfs& vfs, const At&, int& fd) {
  const auto closed = vfs.close(fd);
  fd = -1;
  return done(closed);
}

Json offline_step(const std::vector<Json>& steps) {
  return {{"offline", "upper"}, {"steps", steps}};
}

}  // namespace

Operands::Operands(const std::string& place) {
  fds.fill(-1);
  for (size_t i = 0; i < kPaths.size(); ++i) at[i].path = place + "/" + std::string(kPaths[i]);
}

const std::vector<Form>& forms() {
  using P = const std::string&;
  static const std::vector<Form> all = {
      {"lstat", false, On::path, "READ-8", lstat_form,
       [](P p, P) {
         return Json{{"lstat", p}};
       }},
      {"cat", false, On::path, "READ-1", cat_form,
       [](P p, P) {
         return Json{{"cat", p}, {"flags", "O_NONBLOCK"}};
       }},
      {"readdir", false, On::path, "READDIR-1", readdir_form,
       [](P p, P) {
         return Json{{"readdir", p}};
       }},
      {"readlink", false, On::path, "READ-8", readlink_form,
       [](P p, P) {
         return Json{{"readlink", p}};
       }},
      {"llistxattr", false, On::path, "XATTR-2", xattrs_form,
       [](P p, P) {
         return Json{{"llistxattr", p}};
       }},
      {"lgetxattr", false, On::path, "XATTR-2", getxattr_form,
       [](P p, P) {
         return Json{{"lgetxattr", p}, {"name", "user.a"}};
       }},
      {"put", true, On::path, "COPYUP-2", put_form<0>, [](P p, P) { return put_step(p, "O_NONBLOCK"); }},
      {"append", true, On::path, "FD-4", put_form<O_APPEND>,
       [](P p, P) { return put_step(p, "O_APPEND|O_NONBLOCK"); }},
      {"overwrite", true, On::path, "COPYUP-17", put_form<O_TRUNC>,
       [](P p, P) { return put_step(p, "O_TRUNC|O_NONBLOCK"); }},
      {"create", true, On::path, "FD-6", put_form<O_CREAT | O_EXCL>,
       [](P p, P) { return create_step(p, "O_CREAT|O_EXCL|O_NONBLOCK"); }},
      {"open-write", true, On::path, "COPYUP-1",
       [](Vfs& vfs, const At& at, const At&) { return put(vfs, at, 0, ""); },
       [](P p, P) {
         return Json{{"put", p}, {"data", ""}, {"flags", "O_NONBLOCK"}};
       }},
      {"shrink", true, On::path, "COPYUP-2", truncate_form<1>,
       [](P p, P) {
         return Json{{"truncate", p}, {"size", 1}};
       }},
      {"grow", true, On::path, "COPYUP-2", truncate_form<9>,
       [](P p, P) {
         return Json{{"truncate", p}, {"size", 9}};
       }},
      {"mkdir", true, On::path, "OPAQUE-2",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.mkdir(at, 0777)); },
       [](P p, P) {
         return Json{{"mkdir", p}, {"mode", "0777"}};
       }},
      {"rmdir", true, On::path, "WHITEOUT-6",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.rmdir(at)); },
       [](P p, P) {
         return Json{{"rmdir", p}};
       }},
      {"unlink", true, On::path, "WHITEOUT-1",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.unlink(at)); },
       [](P p, P) {
         return Json{{"unlink", p}};
       }},
      {"symlink", true, On::path, "WHITEOUT-5",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.symlink("x", at)); },
       [](P p, P) {
         return Json{{"symlink", {"x", p}}};
       }},
      {"mkfifo", true, On::path, "WHITEOUT-5",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.mknod(at, S_IFIFO | 0666, 0)); },
       [](P p, P) {
         return Json{{"mknod", p}, {"type", "fifo"}, {"mode", "0666"}};
       }},
      {"chmod", true, On::path, "COPYUP-3", chmod_form<0600>,
       [](P p, P) {
         return Json{{"chmod", p}, {"mode", "0600"}};
       }},
      {"set-id", true, On::path, "COPYUP-3", chmod_form<04711>,
       [](P p, P) {
         return Json{{"chmod", p}, {"mode", "04711"}};
       }},
      {"lchown", true, On::path, "COPYUP-3",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.chown(at, false, 0, 0)); },
       [](P p, P) {
         return Json{{"lchown", p}, {"uid", 0}, {"gid", 0}};
       }},
      {"lutimens", true, On::path, "COPYUP-3", utimens_form,
       [](P p, P) {
         return Json{{"lutimens", p}, {"atime", 5}, {"mtime", 7}};
       }},
      {"lsetxattr", true, On::path, "XATTR-2",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.setxattr(at, false, "user.a", "Z", 0)); },
       [](P p, P) {
         return Json{{"lsetxattr", p}, {"name", "user.a"}, {"value", "Z"}};
       }},
      {"lremovexattr", true, On::path, "XATTR-6",
       [](Vfs& vfs, const At& at, const At&) { return done(vfs.removexattr(at, false, "user.a")); },
       [](P p, P) {
         return Json{{"lremovexattr", p}, {"name", "user.a"}};
       }},
      {"rename", true, On::two_paths, "RENAME-6", rename_form<0>,
       [](P p, P q) {
         return Json{{"rename", {p, q}}};
       }},
      {"rename-new", true, On::two_paths, "RENAME-7", rename_form<RENAME_NOREPLACE>,
       [](P p, P q) {
         return Json{{"rename", {p, q}}, {"flags", "RENAME_NOREPLACE"}};
       }},
      {"exchange", true, On::two_paths, "RENAME-8", rename_form<RENAME_EXCHANGE>,
       [](P p, P q) {
         return Json{{"rename", {p, q}}, {"flags", "RENAME_EXCHANGE"}};
       }},
      {"link", true, On::two_paths, "LINK-1",
       [](Vfs& vfs, const At& from, const At& to) { return done(vfs.link(from, to, false)); },
       [](P p, P q) {
         return Json{{"link", {p, q}}};
       }},
      {"open", false, On::opening, "FD-1", nullptr,
       [](P p, P fd) { return open_step(p, fd, "O_RDONLY|O_NONBLOCK"); }, open_form<O_RDONLY>},
      {"open-both", true, On::opening, "FD-1", nullptr,
       [](P p, P fd) { return open_step(p, fd, "O_RDWR|O_NONBLOCK"); }, open_form<O_RDWR>},
      {"read-fd", false, On::descriptor, "COPYUP-14", nullptr,
       [](P, P fd) {
         return Json{{"read", fd}, {"count", 64}, {"offset", 0}};
       },
       read_form},
      {"write-fd", true, On::descriptor, "FD-1", nullptr,
       [](P, P fd) {
         return Json{{"write", fd}, {"data", "W"}, {"offset", 1}};
       },
       write_form},
      {"fstat", false, On::descriptor, "FD-1", nullptr,
       [](P, P fd) {
         return Json{{"fstat", fd}};
       },
       [](Vfs& vfs, const At&, int& fd) {
         return lstat_form(vfs, At{fd, ""}, {});
       }},
      {"ftruncate", true, On::descriptor, "FD-1", nullptr,
       [](P, P fd) {
         return Json{{"ftruncate", fd}, {"size", 2}};
       },
       [](Vfs& vfs, const At&, int& fd) {
         return done(vfs.truncate(At{fd, ""}, 2));
       }},
      {"fchmod", true, On::descriptor, "COPYUP-3", nullptr,
       [](P, P fd) {
         return Json{{"fchmod", fd}, {"mode", "0640"}};
       },
       [](Vfs& vfs, const At&, int& fd) {
         return done(vfs.chmod(At{fd, ""}, 0640));
       }},
      {"close", false, On::descriptor, "FD-1", nullptr,
       [](P, P fd) {
         return Json{{"close", fd}};
       },
       close_form},
      {"remount", true, On::harness, "REMOUNT-1", nullptr,
       [](P, P) {
         return Json{{"remount", true}};
       }},
      {"offline-put", true, On::harness, "REMOUNT-2",
       [](Vfs& vfs, const At& at, const At&) { return put(vfs, at, O_CREAT, "Z"); },
       [](P p, P) { return offline_step({create_step(p, "O_CREAT|O_NONBLOCK")}); }},
      // Not unlink alone: where a whiteout or one of two names of a copy is gone, a lower object shows under
      // its old name while a copy of it stands under another. The two are one inode, found by the lower
      // object, so that whichever is looked up second gives ESTALE (fs/overlayfs/inode.c, ovl_get_inode,
      // ovl_verify_inode), and in which order a listing has them is not the same everywhere. What takes the
      // name's place prevents that.
      {"offline-replace", true, On::harness, "REMOUNT-2",
       [](Vfs& vfs, const At& at, const At&) {
         (void)vfs.unlink(at);  // there may be nothing to replace
         return put(vfs, at, O_CREAT, "Z");
       },
       [](P p, P) {
         return offline_step({{{"unlink", p}}, create_step(p, "O_CREAT|O_NONBLOCK")});
       }},
      {"offline-chmod", true, On::harness, "REMOUNT-2", chmod_form<0600>,
       [](P p, P) { return offline_step({{{"chmod", p}, {"mode", "0600"}}}); }},
  };
  return all;
}

uint8_t form_of(std::string_view name) {
  for (uint8_t i = 0; i < forms().size(); ++i)
    if (forms()[i].name == name) return i;
  throw std::invalid_argument("there is no form " + std::string(name));
}

bool is_of_the_harness(const Operation& operation) {
  return forms()[operation.form].on == On::harness;
}

Observed perform(const Operation& operation, Vfs& vfs, Operands& operands) {
  const Form& form = forms()[operation.form];
  const At& at = operands.at[operation.path];
  if (form.perform_on) return form.perform_on(vfs, at, operands.fds[operation.other]);
  return form.perform(vfs, at, operands.at[operation.other]);
}

Json step_of(const Operation& operation, const std::string& place) {
  const Form& form = forms()[operation.form];
  const std::string path = place + std::string(kPaths[operation.path]);
  const std::string other =
      form.perform_on ? "fd" + std::to_string(operation.other) : place + std::string(kPaths[operation.other]);
  Json step = form.step(path, other);
  if (operation.by_other_user) step["actor"] = kOtherUsersName;
  return step;
}

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  for (uint8_t form = 0; form < forms().size(); ++form) {
    const On on = forms()[form].on;
    if (on != On::path && on != On::two_paths) continue;
    for (uint8_t path = 0; path < kPaths.size(); ++path)
      for (uint8_t other = 0; other < (on == On::two_paths ? kPaths.size() : 1); ++other)
        all.push_back({form, path, other});
  }
  return all;
}

bool touches(const Operation& operation, char object) {
  return kPaths[operation.path][0] == object ||
         (forms()[operation.form].on == On::two_paths && kPaths[operation.other][0] == object);
}

}  // namespace ovlcheck::generate
