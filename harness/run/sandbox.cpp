#include "harness/run/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "adapters/vm/disk.h"
#include "harness/ops/fd.h"
#include "harness/ops/filesystem_type.h"
#include "harness/ops/layers.h"
#include "harness/run/host_view.h"
#include "harness/run/image_mount.h"
#include "harness/run/lower_file_systems.h"
#include "harness/run/namespaces.h"

namespace ovlcheck {
namespace {

constexpr const char* kScratch = "/scratch";
constexpr const char* kScratchLimits = "mode=0755,size=512m,nr_inodes=200k";
constexpr int kMostPids = 2048;
constexpr const char* kPrefix = "ovlcheck-";

constexpr std::pair<Privilege, const char*> kPrivileges[] = {{Privilege::automatic, "auto"},
                                                             {Privilege::user_namespace, "userns"},
                                                             {Privilege::root, "root"},
                                                             {Privilege::none, "none"}};

[[noreturn]] void broken(const std::string& what, int error = errno) {
  throw std::runtime_error(what + ": " + std::strerror(error));
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

// What a worker's programs may know of the environment: CI systems keep secrets there.
void forget_environment() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    const std::string name(text.substr(0, text.find('=')));
    const bool harmless = name == "PATH" || name == "LANG" || name == "TZ" || name == "TERM" ||
                          name == "LD_LIBRARY_PATH" || name == "TMPDIR" || name.starts_with("LC_") ||
                          name.starts_with("OVLCHECK_") || name.ends_with("SAN_OPTIONS");
    if (!harmless) names.push_back(name);
  }
  for (const auto& name : names) (void)unsetenv(name.c_str());
}

// Where memory runs out, a worker goes first; where it crashes, nobody wants its core.
void be_expendable() {
  std::ofstream("/proc/self/oom_score_adj") << 500;
  const rlimit no_core = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
}

// Real root could reach the whole machine by way of /proc. Without CAP_SYS_ADMIN no program can undo this,
// and a /proc with parts out of reach keeps new ones from being mounted in namespaces of its own.
void protect_machine() {
  for (const char* part : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"})
    if (access(part, F_OK) == 0 &&
        (mount(part, part, nullptr, MS_BIND, nullptr) != 0 ||
         mount(nullptr, part, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
               nullptr) != 0))
      broken(std::string("make ") + part + " read-only");
}

// A directory of that name whose maker was killed before it could remove it: nobody holds its lock.
void remove_if_abandoned(int base, const char* name) {
  Fd directory(openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info;
  if (!directory || fstat(directory.get(), &info) != 0) return;
  if (info.st_uid != geteuid() && info.st_uid != foreign_root()) return;
  if (flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return;
  // What resists is tried again next time.
  if (remove_below(directory.get())) (void)unlinkat(base, name, AT_REMOVEDIR);
}

void remove_abandoned(const std::string& base) {
  std::error_code unreadable;
  const Fd fd(open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const auto& entry : std::filesystem::directory_iterator(base, unreadable)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && name.size() == std::strlen(kPrefix) + 6)
      remove_if_abandoned(fd.get(), name.c_str());
  }
}

std::string absolute(const std::string& folder) {
  return std::filesystem::canonical(folder).string();
}

// Mounts a new file system over a directory that nobody misses, in a mount namespace of this process, and
// returns that directory. The loop device goes away with the last process that can see the mount.
std::string mount_scratch_disk(const std::string& fs) {
  if (geteuid() != 0) throw std::runtime_error("--scratch-fs " + fs + " needs to be run by root");
  const auto disk = make_disk(fs);
  if (unshare(CLONE_NEWNS) != 0) broken("unshare of the mount namespace");
  make_mounts_private();
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
  const auto ids = id_ranges("/proc/self/uid_map");
  return geteuid() == 0 && ids.size() == 1 && ids[0].inside == 0 && ids[0].outside == 0 &&
         ids[0].count == UINT32_MAX;
}

void show_programs(SandboxRequest& request, const SubjectName& subject) {
  for (const auto& command : commands_of(subject))
    for (auto& folder : folders_in_command(command)) request.shown.push_back(std::move(folder));
}

Sandbox::Sandbox(SandboxRequest request) {
  // Some subjects' programs are beside this one.
  std::error_code unknown;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
  if (!own.relative_path().empty()) request.shown.push_back(own.string());
  if (!request.scratch_fs.empty() && request.scratch_fs != "tmpfs")
    request.scratch = mount_scratch_disk(request.scratch_fs);
  struct utsname system;
  if (uname(&system) != 0) broken("uname");
  environment_.kernel = system.release;
  environment_.privilege = "none";
  owns_filesystem_ = request.scratch.empty() || !request.scratch_fs.empty() || request.disposable;
  large_ = request.large;
  disposable_ = request.disposable;

  if (request.privilege == Privilege::root && geteuid() != 0)
    throw std::runtime_error("--privilege root needs to be run by root");
  forget_environment();
  be_expendable();
  block_signals();
  if (!request.scratch.empty()) make_directory(absolute(request.scratch));
  try {
    if (request.privilege == Privilege::none || !enter_namespaces(request)) stay_outside();
  } catch (...) {
    // Inside, that is done by the process that waits outside.
    if (!entered_) discard_directory();
    throw;
  }
  open_scratch();
  if (is_image(request.lower_fs) && environment_.privilege != "root")
    throw std::runtime_error("--lower-fs " + request.lower_fs +
                             " needs --privilege root: only real root can mount images");
  environment_.lower_fs = request.lower_fs;

  const auto ids = id_ranges("/proc/self/uid_map");
  environment_.mapped_uids = environment_.privilege == "root" ||
                             (environment_.privilege == "userns" && !ids.empty() && ids[0].count > 1);
  environment_.dev_fuse = has_fuse_device();
}

// Returns false if there are none to be had and that is no reason to give up.
bool Sandbox::enter_namespaces(const SandboxRequest& request) {
  const bool real_root = geteuid() == 0;
  const bool truly_root = is_real_root();  // while /proc is still in view
  const bool wants_root = real_root && request.privilege != Privilege::user_namespace;
  const bool wants_user = request.privilege != Privilege::root;
  const UserNamespace user = best_user_namespace();
  // Mounts that real root has made are out of reach of a namespace where it is a stranger.
  bool viewed = false;
  const auto view = [&] {
    if (viewed || unshare(CLONE_NEWNS) != 0) return viewed;
    enter_host_view({request.shown, path_, is_image(request.lower_fs)});
    return viewed = true;
  };
  Birth birth;
  if (wants_user) {
    if (user == UserNamespace::other_ids && own_directory_ &&
        fchown(lock_.get(), foreign_root(), foreign_root()) != 0)
      broken("give " + path_ + " to the worker");
    birth = clone_into_namespaces(user == UserNamespace::other_ids && view() ? user : UserNamespace::own_ids);
    environment_.privilege = "userns";
  }
  if (birth.child < 0 && wants_root && view()) {
    birth = clone_into_namespaces(UserNamespace::none);
    environment_.privilege = truly_root ? "root" : "userns";
  }
  if (birth.child < 0) {
    environment_.privilege = "none";
    if (!viewed && request.privilege == Privilege::automatic) return false;
    throw std::runtime_error(
        std::string(wants_user ? "no user namespace" : "no mount and pid namespace") + " to be had (" +
        std::strerror(birth.error ? birth.error : EPERM) +
        "): check /proc/sys/user/max_user_namespaces and the container's seccomp profile");
  }
  if (birth.child > 0) wait_outside(birth.child, [this] { discard_directory(); });
  entered_ = true;
  if (!viewed) enter_host_view({request.shown, path_, is_image(request.lower_fs)});
  settle_inside();
  return true;
}

// Of processes in the namespace, real root's too, which no resource limit holds for. Before Linux 6.14 the
// number is the whole machine's and nothing to touch.
void Sandbox::limit_processes() const {
  if (version_in_range(environment_.kernel, ">=6.14"))
    std::ofstream(std::string(kHiddenProc) + "/sys/kernel/pid_max") << kMostPids;
}

void Sandbox::settle_inside() {
  path_ = kScratch;
  // Refused where the host's own /proc is partly covered (some containers); then scripts cannot be executed.
  (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  limit_processes();
  if (environment_.privilege == "root" && !disposable_) protect_machine();
  // In a namespace of strangers it is locked, and out of sight.
  (void)umount2(kHiddenProc, MNT_DETACH);
  if (!own_directory_) mount_scratch();
  const pid_t worker = fork();
  if (worker < 0) broken("fork");
  if (worker > 0) be_init(worker);
  unblock_signals();
}

// Without namespaces nothing but the scratch directory needs to be looked after.
void Sandbox::stay_outside() {
  owns_filesystem_ = false;
  const char* temporary = std::getenv("TMPDIR");
  if (!own_directory_) make_directory(absolute(temporary && *temporary ? temporary : "/tmp"));
  const pid_t worker = fork();
  if (worker < 0) broken("fork");
  if (worker > 0) wait_outside(worker, [this] { discard_directory(); });
  entered_ = true;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) broken("prctl(PR_SET_PDEATHSIG)");
  unblock_signals();
}

void Sandbox::mount_scratch() {
  if (mount("ovlcheck", kScratch, "tmpfs", MS_NODEV, large_ ? "mode=0755" : kScratchLimits) != 0)
    broken("mount the scratch tmpfs");
}

void Sandbox::make_directory(const std::string& base) {
  remove_abandoned(base);
  for (;;) {
    std::string pattern = base + "/" + kPrefix + "XXXXXX";
    if (!mkdtemp(pattern.data())) broken("make a directory in " + base);
    path_ = pattern;
    name_ = pattern.substr(base.size() + 1);
    parent_ = Fd(open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent_) broken("open " + base);
    lock_ = Fd(openat(parent_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat info;
    // Another one may have taken it for abandoned in the meantime.
    if (!lock_ || flock(lock_.get(), LOCK_SH) != 0 || fstat(lock_.get(), &info) != 0 || info.st_nlink == 0)
      continue;
    own_directory_ = true;
    return;
  }
}

void Sandbox::discard_directory() const {
  if (!own_directory_) return;
  // At the very end; what resists is tried again by the next one.
  (void)remove_below(lock_.get());
  (void)unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
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
  mount_scratch();
  open_scratch();
}

}  // namespace ovlcheck
