#include "harness/run/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "harness/run/host_view.h"
#include "harness/run/hung_mounts.h"

namespace ovlcheck {
namespace {

constexpr unsigned long kIds = 65536;               // so that some stay unmapped
constexpr unsigned long kForeignRoot = 0x70000000;  // far above what distributions hand out

// One write(2), as the kernel demands for id maps.
bool write_file(const std::string& path, const std::string& text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool has_foreign_ids(const char* map_file) {
  const auto all = id_ranges(map_file);
  return std::any_of(all.begin(), all.end(), [](const IdRange& range) {
    return range.inside <= kForeignRoot && range.inside + range.count >= kForeignRoot + kIds;
  });
}

// The id map that gives a child namespace the ids this one has, up to kIds.
std::string same_ids(const char* map_file) {
  std::string map;
  for (const auto& range : id_ranges(map_file))
    if (range.inside < kIds)
      map += std::to_string(range.inside) + " " + std::to_string(range.inside) + " " +
             std::to_string(std::min(range.count, kIds - range.inside)) + "\n";
  return map;
}

// Without privilege only the own ids can be mapped, and only with setgroups(2) switched off.
bool map_own_ids(const std::string& process) {
  if (geteuid() == 0)
    return write_file(process + "/uid_map", same_ids("/proc/self/uid_map")) &&
           write_file(process + "/gid_map", same_ids("/proc/self/gid_map"));
  return write_file(process + "/setgroups", "deny") &&
         write_file(process + "/uid_map", "0 " + std::to_string(geteuid()) + " 1\n") &&
         write_file(process + "/gid_map", "0 " + std::to_string(getegid()) + " 1\n");
}

bool map_foreign_ids(const std::string& process) {
  const std::string map = "0 " + std::to_string(kForeignRoot) + " " + std::to_string(kIds) + "\n";
  return write_file(process + "/uid_map", map) && write_file(process + "/gid_map", map);
}

// The caller has no ids of the new namespace yet.
bool become_foreign_root() {
  return setgroups(0, nullptr) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0 &&
         prctl(PR_SET_DUMPABLE, 1) == 0;
}

// In the child: waits until the parent has mapped its ids.
bool settle(UserNamespace user, int lifeline) {
  char byte = 0;
  if (read(lifeline, &byte, 1) != 1) return false;
  if (user == UserNamespace::other_ids && !become_foreign_root()) return false;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  pollfd parent = {lifeline, POLLIN, 0};
  return poll(&parent, 1, 0) == 0;
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

sigset_t waited_for() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

std::vector<IdRange> id_ranges(const char* map_file) {
  std::ifstream file(map_file);
  std::vector<IdRange> all;
  for (IdRange range{}; file >> range.inside >> range.outside >> range.count;) all.push_back(range);
  return all;
}

uid_t foreign_root() {
  return kForeignRoot;
}

UserNamespace best_user_namespace() {
  const bool foreign =
      geteuid() == 0 && has_foreign_ids("/proc/self/uid_map") && has_foreign_ids("/proc/self/gid_map");
  return foreign ? UserNamespace::other_ids : UserNamespace::own_ids;
}

void block_signals() {
  const sigset_t set = waited_for();
  (void)sigprocmask(SIG_BLOCK, &set, nullptr);
}

void unblock_signals() {
  const sigset_t set = waited_for();
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void make_mounts_private() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return;
  throw std::runtime_error(std::string("make mounts private: ") + std::strerror(errno) +
                           (errno == EINVAL
                                ? " (is this a chroot? its root must be a mount: mount --bind DIR DIR, "
                                  "then pivot_root or a container)"
                                : ""));
}

Birth clone_into_namespaces(UserNamespace user) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-1, errno, {}};
  Fd reader(ends[0]), writer(ends[1]);
  const unsigned long flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET |
                              CLONE_NEWUTS | (user == UserNamespace::none ? 0 : CLONE_NEWUSER);
  const auto child = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) return {-1, errno, {}};
  if (child == 0) {
    writer.reset();
    if (!settle(user, reader.get())) _exit(3);
    return {0, 0, std::move(reader)};
  }
  const std::string process = proc_folder() + "/" + std::to_string(child);
  const bool mapped = user == UserNamespace::none        ? true
                      : user == UserNamespace::other_ids ? map_foreign_ids(process)
                                                         : map_own_ids(process);
  if (mapped && write(writer.get(), "x", 1) == 1) return {child, 0, std::move(writer)};
  const int error = errno;
  (void)kill(child, SIGKILL);
  (void)waitpid(child, nullptr, 0);
  return {-1, error, {}};
}

void wait_outside(pid_t child, const std::function<void()>& clean) {
  // Only the worker may hold the pipes, or nobody would notice its end.
  (void)close(STDIN_FILENO);
  (void)close(STDOUT_FILENO);
  const sigset_t set = waited_for();
  constexpr timespec kTick = {1, 0};
  int status = 0;
  for (bool exiting = false;;) {
    const pid_t got = waitpid(child, &status, WNOHANG);
    if (got == child || (got < 0 && errno != EINTR)) break;
    const int number = sigtimedwait(&set, nullptr, &kTick);
    if (number == SIGTERM || number == SIGHUP) (void)kill(child, SIGKILL);
    if (number >= 0) continue;
    // What has not ended a tick later waits for a daemon.
    if (exiting) abort_fuse_mounts(child);
    exiting = is_exiting(child);
  }
  clean();
  _exit(exit_status(status));
}

void be_init(pid_t worker) {
  (void)close(STDIN_FILENO);
  (void)close(STDOUT_FILENO);
  const sigset_t set = waited_for();
  for (;;) {
    int status = 0;
    for (pid_t got = 0; (got = waitpid(-1, &status, WNOHANG)) > 0;)
      if (got == worker) _exit(exit_status(status));
    if (sigwaitinfo(&set, nullptr) == SIGTERM) _exit(124);
  }
}

void end_strays() {
  // Elsewhere it would be the user's own processes.
  if (getppid() == 1) (void)kill(-1, SIGKILL);
}

void end_namespace(int status) {
  // Process 1 of the namespace, or nothing.
  if (getppid() == 1) (void)kill(1, SIGTERM);
  _exit(status);
}

}  // namespace ovlcheck
