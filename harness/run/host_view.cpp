#include "harness/run/host_view.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "harness/ops/fd.h"
#include "harness/run/namespaces.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

// Programs, and what they are linked with. /sys tells what the kernel can.
constexpr const char* kFolders[] = {"usr",    "bin", "sbin", "lib", "lib32", "lib64",
                                    "libx32", "opt", "nix",  "gnu", "sys"};
// What programs look up; secrets of the machine are not among it.
constexpr const char* kSettings[] = {"alternatives", "fuse.conf",     "group",        "hosts",
                                     "ld.so.cache",  "ld.so.conf",    "ld.so.conf.d", "localtime",
                                     "mke2fs.conf",  "nsswitch.conf", "os-release",   "passwd"};
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty", "fuse"};
constexpr const char* kSize = "mode=0755,size=16m,nr_inodes=10k";

[[noreturn]] void broken(const std::string& what, int error = errno) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

void make_folders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) broken("mkdir " + path, error.value());
}

void make_read_only(const std::string& path) {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  if (syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), AT_RECURSIVE, &attributes, sizeof attributes) == 0)
    return;
  // Before Linux 5.12; flags that the host has set must stay set.
  constexpr unsigned long kFlags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID;
  for (const unsigned long locked : {0UL, 0UL + MS_NODEV, 0UL + MS_NODEV + MS_NOEXEC, 0UL + MS_NOEXEC})
    if (mount(nullptr, path.c_str(), nullptr, kFlags | locked, nullptr) == 0) return;
  broken("make " + path + " read-only");
}

// Shows what is at `from` at `to`. What cannot be bound stays empty: a program that needs it says so itself.
void show(const std::string& from, const std::string& to, unsigned long recursive) {
  struct stat info;
  if (lstat(from.c_str(), &info) != 0) return;
  if (S_ISLNK(info.st_mode)) {
    char target[4096];
    const ssize_t length = readlink(from.c_str(), target, sizeof target - 1);
    if (length < 0) broken("readlink " + from);
    target[length] = '\0';
    if (symlink(target, to.c_str()) != 0) broken("symlink " + to);
    return;
  }
  if (S_ISDIR(info.st_mode))
    make_folders(to);
  else if (!Fd(open(to.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)))
    broken("create " + to);
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | recursive, nullptr) != 0) return;
  if (!S_ISCHR(info.st_mode)) make_read_only(to);
}

// A device of its own where that is allowed: the host's may be closed to all but its root.
void show_device(const std::string& host, const std::string& name) {
  const std::string from = host + "/dev/" + name, to = "/dev/" + name;
  struct stat info;
  if (stat(from.c_str(), &info) != 0 || !S_ISCHR(info.st_mode)) return;
  if (mknod(to.c_str(), S_IFCHR | 0666, info.st_rdev) == 0 && Fd(open(to.c_str(), O_PATH | O_CLOEXEC)))
    return (void)chmod(to.c_str(), 0666);
  show(from, to, 0);
}

void show_devices(const std::string& host) {
  make_folders("/dev");
  if (mount("ovlcheck", "/dev", "tmpfs", MS_NOSUID, kSize) != 0) broken("mount /dev");
  for (const char* device : kDevices) show_device(host, device);
  for (const auto& [target, name] : {std::pair{"/proc/self/fd", "/dev/fd"},
                                     {"/proc/self/fd/0", "/dev/stdin"},
                                     {"/proc/self/fd/1", "/dev/stdout"},
                                     {"/proc/self/fd/2", "/dev/stderr"}})
    if (symlink(target, name) != 0) broken(std::string("symlink ") + name);
  if (mount(nullptr, "/dev", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, nullptr) != 0)
    broken("make /dev read-only");
}

// Another name of a folder that is there already needs no mount of its own.
bool is_visible(const std::string& folder, const std::string& host) {
  struct stat here, there;
  return stat(folder.c_str(), &here) == 0 && stat((host + folder).c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

void fill(const std::string& host, const HostView& view) {
  for (const std::string name : kFolders) show(host + "/" + name, "/" + name, MS_REC);
  make_folders("/etc");
  for (const std::string name : kSettings) show(host + "/etc/" + name, "/etc/" + name, 0);
  if (symlink("/proc/self/mounts", "/etc/mtab") != 0) broken("symlink /etc/mtab");
  if (view.all_devices)
    show(host + "/dev", "/dev", MS_REC);
  else
    show_devices(host);
  for (const auto& folder : view.shown)
    if (!is_visible(folder, host)) show(host + folder, folder, MS_REC);
  for (const char* name : {"/tmp", "/run", "/var", "/mnt"}) make_folders(name);
  if (chmod("/tmp", 01777) != 0) broken("chmod /tmp");
}

}  // namespace

void enter_host_view(const HostView& view) {
  make_mounts_private();
  // The new root may be mounted over it.
  const Fd scratch(view.scratch.empty() ? -1 : open(view.scratch.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!view.scratch.empty() && !scratch) broken("open " + view.scratch);
  const char* base = nullptr;
  for (const char* candidate : {"/tmp", "/mnt", "/run", "/var"})
    if (!base && mount("ovlcheck", candidate, "tmpfs", MS_NODEV | MS_NOSUID, kSize) == 0) base = candidate;
  if (!base) broken("mount a tmpfs for the worker's root");
  const std::string root = base;
  for (const char* name : {"/scratch", "/proc", "/.host", "/.host/root", "/.host/proc"})
    if (mkdir((root + name).c_str(), 0755) != 0) broken("mkdir " + root + name);
  // With what is mounted below it where that cannot be left out, in a user namespace.
  const std::string proc = root + kHiddenProc;
  if (mount("/proc", proc.c_str(), nullptr, MS_BIND, nullptr) != 0 &&
      mount("/proc", proc.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    broken("bind /proc");
  if (scratch) {
    const std::string from = "/proc/self/fd/" + std::to_string(scratch.get()), to = root + "/scratch";
    // Devices in it are nobody's business, whoever made them.
    if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr) != 0)
      broken("bind " + view.scratch);
  }
  if (syscall(SYS_pivot_root, root.c_str(), (root + "/.host/root").c_str()) != 0) broken("pivot_root");
  if (chdir("/") != 0) broken("chdir /");
  (void)umask(022);
  fill("/.host/root", view);
  if (umount2("/.host/root", MNT_DETACH) != 0) broken("detach the host's root");
  if (chmod("/.host", 0700) != 0) broken("chmod /.host");
}

std::string proc_folder() {
  return access("/proc/self", F_OK) == 0 ? "/proc" : kHiddenProc;
}

std::vector<std::string> folders_in_command(const std::string& command) {
  std::vector<std::string> folders;
  constexpr const char* kEnds = " \t\n'\"=:,;&|<>()";
  for (size_t at = 0; (at = command.find_first_not_of(kEnds, at)) != std::string::npos;) {
    const size_t end = std::min(command.find_first_of(kEnds, at), command.size());
    const fs::path path = command.substr(at, end - at);
    at = end;
    std::error_code unknown;
    if (!path.is_absolute() || !fs::exists(path, unknown)) continue;
    const std::string folder = fs::is_directory(path, unknown) ? path.string() : path.parent_path().string();
    if (fs::path(folder).relative_path() != "") folders.push_back(folder);
  }
  return folders;
}

}  // namespace ovlcheck
