#include "harness/run/hung_mounts.h"

#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "harness/run/host_view.h"

namespace ovlcheck {
namespace {

constexpr const char* kConnections = "/sys/fs/fuse/connections";
constexpr unsigned long kExiting = 0x4;  // PF_EXITING, include/linux/sched.h

// The numbers of a process, from behind its name in /proc/PID/stat.
struct Status {
  pid_t parent = 0;
  unsigned long flags = 0;
};

Status status_of(const std::string& process) {
  std::stringstream text;
  text << std::ifstream(process + "/stat").rdbuf();
  const std::string stat = text.str();
  const auto end = stat.rfind(')');
  Status status;
  if (end == std::string::npos) return status;
  std::istringstream rest(stat.substr(end + 1));
  std::string state, group, session, tty, owner;
  rest >> state >> status.parent >> group >> session >> tty >> owner >> status.flags;
  return status;
}

// Minor device numbers of FUSE mounts, which name their connections.
std::set<std::string> fuse_mounts(const std::string& process) {
  std::set<std::string> minors;
  std::ifstream file(process + "/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string id, parent, device;
    words >> id >> parent >> device;
    if (line.find(" - fuse") != std::string::npos) minors.insert(device.substr(device.find(':') + 1));
  }
  return minors;
}

std::map<pid_t, pid_t> all_parents() {
  std::map<pid_t, pid_t> parents;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc_folder(), gone)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos)
      parents[std::stoi(name)] = status_of(entry.path()).parent;
  }
  return parents;
}

}  // namespace

bool is_exiting(pid_t process) {
  return (status_of(proc_folder() + "/" + std::to_string(process)).flags & kExiting) != 0;
}

void abort_fuse_mounts(pid_t process) {
  const auto parents = all_parents();
  std::set<std::string> minors;
  for (const auto& [pid, parent] : parents) {
    pid_t ancestor = pid;
    while (ancestor != process && parents.contains(ancestor)) ancestor = parents.at(ancestor);
    if (ancestor == process) minors.merge(fuse_mounts(proc_folder() + "/" + std::to_string(pid)));
  }
  for (const auto& own : fuse_mounts(proc_folder() + "/self")) minors.erase(own);
  if (minors.empty()) return;
  // There already on most machines; where it is not, only root can have it.
  const bool mounted = mount("ovlcheck", kConnections, "fusectl", 0, nullptr) == 0;
  for (const auto& minor : minors) std::ofstream(std::string(kConnections) + "/" + minor + "/abort") << "1\n";
  if (mounted) (void)umount2(kConnections, MNT_DETACH);
}

}  // namespace ovlcheck
