#include "harness/run/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "adapters/vm/disk.h"
#include "harness/ops/fd.h"
#include "harness/ops/filesystem_type.h"
#include "harness/ops/layers.h"
#include "harness/run/image_mount.h"

namespace ovlcheck {
namespace {

constexpr const char* kScratch = "/scratch";

constexpr std::pair<Privilege, const char*> kPrivileges[] = {{Privilege::automatic, "auto"},
                                                             {Privilege::user_namespace, "userns"},
                                                             {Privilege::root, "root"},
                                                             {Privilege::none, "none"}};

[[noreturn]] void broken(const std::string& what, int error = errno) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

// One write(2), as the kernel demands for id maps.
bool write_file(const char* path, const std::string& text) {
  Fd file(open(path, O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// The id map that gives a child namespace the ids this one has, up to 65535, so that some stay unmapped.
std::string same_ids(const char* map_file) {
  std::ifstream file(map_file);
  std::string map;
  for (unsigned long inside, outside, count; file >> inside >> outside >> count;) {
    if (inside >= 65536) continue;
    map += std::to_string(inside) + " " + std::to_string(inside) + " " +
           std::to_string(std::min(count, 65536 - inside)) + "\n";
  }
  return map;
}

// Enters a user namespace as its root. Returns false (with errno) if that cannot be had.
bool enter_user_namespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  const std::string uids = same_ids("/proc/self/uid_map"), gids = same_ids("/proc/self/gid_map");
  if (uid != 0) {
    if (unshare(CLONE_NEWUSER) != 0) return false;
    // Without privilege only the own ids can be mapped, and only with setgroups(2) switched off.
    return write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1\n") &&
           write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1\n");
  }
  // The maps of more than one id must be written from outside, by a process that stays in the old namespace.
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return false;
  Fd reader(ready[0]), writer(ready[1]);
  const std::string target = "/proc/" + std::to_string(getpid());
  const pid_t helper = fork();
  if (helper < 0) return false;
  if (helper == 0) {
    char byte;
    writer.reset();
    if (read(reader.get(), &byte, 1) != 1) _exit(1);
    _exit(write_file((target + "/uid_map").c_str(), uids) && write_file((target + "/gid_map").c_str(), gids)
              ? 0
              : 1);
  }
  const bool entered = unshare(CLONE_NEWUSER) == 0;
  const int error = errno;
  if (entered && write(writer.get(), "x", 1) != 1) return false;
  writer.reset();
  int status = 0;
  if (waitpid(helper, &status, 0) != helper) return false;
  if (!entered) errno = error;
  if (entered && status != 0) errno = EPERM;
  return entered && status == 0;
}

std::string filesystem_name(int directory) {
  struct statfs info;
  if (fstatfs(directory, &info) != 0) broken("statfs of the scratch directory");
  return filesystem_type(info.f_type);
}

// Is /dev/fuse there, can it be opened, and is it what it should be (containers hide devices behind
// /dev/null)?
bool has_fuse_device() {
  Fd device(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  struct stat info;
  return device && fstat(device.get(), &info) == 0 && S_ISCHR(info.st_mode) &&
         info.st_rdev == makedev(10, 229);
}

// Splits off the process that will be pid 1 of the new pid namespace; the one outside waits for it. They and
// the daemons that a case starts become a process group, to be killed together: a process that waits for a
// FUSE daemon's answer does not die before the daemon does.
void fork_into_pid_namespace() {
  if (getpgrp() != getpid() && setpgid(0, 0) != 0) broken("setpgid");
  const pid_t child = fork();
  if (child < 0) broken("fork");
  if (child == 0) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) broken("prctl(PR_SET_PDEATHSIG)");
    return;
  }
  // Only the worker may hold the pipes, or nobody would notice its end.
  (void)close(STDIN_FILENO);
  (void)close(STDOUT_FILENO);
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) _exit(3);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// Shows one entry of the old root (below /host) at its old place, read-only.
void show_host_entry(const std::string& name) {
  const std::string from = "/host/" + name, to = "/" + name;
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
  if (!S_ISDIR(info.st_mode)) return;
  if (mkdir(to.c_str(), 0755) != 0) broken("mkdir " + to);
  // What cannot be bound stays an empty directory: a program that needs it says so itself.
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) return;
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (mount_setattr(AT_FDCWD, to.c_str(), AT_RECURSIVE, &attributes, sizeof attributes) != 0 &&
      mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
    broken("make " + to + " read-only");
}

// Mounts a new file system over a directory that nobody misses, in a mount namespace of this process, and
// returns that directory. The loop device goes away with the last process that can see the mount.
std::string mount_scratch_disk(const std::string& fs) {
  if (geteuid() != 0) throw std::runtime_error("--scratch-fs " + fs + " needs to be run by root");
  const auto disk = make_disk(fs);
  if (unshare(CLONE_NEWNS) != 0) broken("unshare of the mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) broken("make mounts private");
  for (const char* directory : {"/mnt", "/media", "/srv"}) {
    if (access(directory, F_OK) != 0) continue;
    mount_image(disk->fd(), fs, directory, ImageUse::read_write);
    return directory;
  }
  throw std::runtime_error("--scratch-fs " + fs + " needs one of the directories /mnt, /media and /srv");
}

}  // namespace

Privilege privilege_from_name(const std::string& name) {
  for (const auto& [privilege, known] : kPrivileges)
    if (name == known) return privilege;
  throw std::invalid_argument("unknown privilege \"" + name + "\": auto, userns, root or none");
}

std::string privilege_name(Privilege privilege) {
  for (const auto& [known, name] : kPrivileges)
    if (privilege == known) return name;
  return "";
}

bool is_real_root() {
  std::ifstream map("/proc/self/uid_map");
  unsigned long inside = 0, outside = 0, count = 0;
  map >> inside >> outside >> count;
  return geteuid() == 0 && inside == 0 && outside == 0 && count == UINT32_MAX;
}

Sandbox::Sandbox(SandboxRequest request) {
  if (!request.scratch_fs.empty() && request.scratch_fs != "tmpfs")
    request.scratch = mount_scratch_disk(request.scratch_fs);
  struct utsname system;
  if (uname(&system) != 0) broken("uname");
  environment_.kernel = system.release;
  environment_.privilege = "none";

  const bool want_namespace =
      request.privilege == Privilege::automatic || request.privilege == Privilege::user_namespace;
  const bool real_root = geteuid() == 0;
  if (want_namespace && enter_user_namespace()) {
    environment_.privilege = "userns";
  } else if (request.privilege == Privilege::user_namespace) {
    throw std::runtime_error(
        std::string("no user namespace to be had (") + std::strerror(errno) +
        "): check /proc/sys/user/max_user_namespaces and the container's seccomp profile");
  } else if (request.privilege == Privilege::root && !real_root) {
    throw std::runtime_error("--privilege root needs to be run by root");
  } else if (request.privilege != Privilege::none && real_root) {
    // Root of a namespace that was there already has no more rights than in one of ours.
    environment_.privilege = is_real_root() ? "root" : "userns";
  }

  if (environment_.privilege != "none") {
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS) == 0) {
      fork_into_pid_namespace();
      if (!request.scratch.empty()) make_directory(request.scratch);
      switch_root();
    } else if (request.privilege == Privilege::automatic) {
      environment_.privilege = "none";
    } else {
      broken("unshare of mount, pid, ipc, net and uts namespaces");
    }
  }
  if (environment_.privilege == "none") {
    const char* temporary = std::getenv("TMPDIR");
    make_directory(!request.scratch.empty() ? request.scratch : temporary && *temporary ? temporary : "/tmp");
  }
  open_scratch();
  if (!request.lower_fs.empty() && environment_.privilege != "root")
    throw std::runtime_error("--lower-fs " + request.lower_fs +
                             " needs --privilege root: only real root can mount images");
  environment_.lower_fs = request.lower_fs;

  std::ifstream map("/proc/self/uid_map");
  unsigned long inside = 0, outside = 0, count = 0;
  map >> inside >> outside >> count;
  environment_.mapped_uids =
      environment_.privilege == "root" || (environment_.privilege == "userns" && count > 1);
  environment_.dev_fuse = has_fuse_device();
}

Sandbox::~Sandbox() {
  if (!own_directory_) return;
  // Best effort at the very end; a node that resists is named by nobody else either.
  (void)remove_below(directory_);
  (void)unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
}

void Sandbox::switch_root() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) broken("make mounts private");
  const char* base = nullptr;
  for (const char* candidate : {"/tmp", "/mnt", "/run", "/var"})
    if (!base && mount("ovlcheck", candidate, "tmpfs", 0, "mode=0755") == 0) base = candidate;
  if (!base) broken("mount a tmpfs for the worker's root");
  const std::string root = base;
  if (mkdir((root + "/host").c_str(), 0755) != 0) broken("mkdir host");
  if (mkdir((root + kScratch).c_str(), 0755) != 0) broken("mkdir scratch");
  if (own_directory_) {
    const std::string source = "/proc/self/fd/" + std::to_string(parent_.get()) + "/" + name_;
    if (mount(source.c_str(), (root + kScratch).c_str(), nullptr, MS_BIND, nullptr) != 0)
      broken("bind " + path_);
  }
  if (syscall(SYS_pivot_root, root.c_str(), (root + "/host").c_str()) != 0) broken("pivot_root");
  if (chdir("/") != 0) broken("chdir /");

  DIR* listing = opendir("/host");
  if (!listing) broken("list the host's root");
  while (const dirent* entry = readdir(listing)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && name != "proc" && name != "host" && name != kScratch + 1)
      show_host_entry(name);
  }
  (void)closedir(listing);
  if (mkdir("/proc", 0555) != 0) broken("mkdir /proc");
  // Refused where the host's own /proc is partly covered (some containers); then scripts cannot be executed.
  (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  if (umount2("/host", MNT_DETACH) != 0) broken("detach the host's root");

  path_ = kScratch;
  if (!own_directory_ && mount("ovlcheck", kScratch, "tmpfs", 0, "mode=0755") != 0)
    broken("mount the scratch tmpfs");
}

void Sandbox::make_directory(const std::string& base) {
  std::string pattern = base + "/ovlcheck-XXXXXX";
  if (!mkdtemp(pattern.data())) broken("make a directory in " + base);
  path_ = pattern;
  name_ = pattern.substr(base.size() + 1);
  parent_ = Fd(open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent_) broken("open " + base);
  own_directory_ = true;
}

void Sandbox::open_scratch() {
  directory_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ < 0) broken("open " + path_);
  environment_.fs = filesystem_name(directory_);
  // tmpfs does since Linux 6.6.
  environment_.user_xattrs = fsetxattr(directory_, "user.ovlcheck", "1", 1, 0) == 0 &&
                             fremovexattr(directory_, "user.ovlcheck") == 0;
}

void Sandbox::renew() {
  if (own_directory_) {
    if (auto removed = remove_below(directory_); !removed) broken("empty " + path_, removed.error());
    return;
  }
  (void)close(directory_);
  // Cheaper than removing file by file: the kernel frees the whole tmpfs when its last user is gone.
  if (umount2(path_.c_str(), MNT_DETACH) != 0) broken("detach the scratch tmpfs");
  if (mount("ovlcheck", path_.c_str(), "tmpfs", 0, "mode=0755") != 0) broken("mount the scratch tmpfs");
  open_scratch();
}

}  // namespace ovlcheck
