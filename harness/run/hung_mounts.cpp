#include "harness/run/hung_mounts.h"

#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "harness/run/host_view.h"
#include "harness/run/processes.h"

namespace ovlcheck {
namespace {

constexpr const char* kConnections = "/sys/fs/fuse/connections";
constexpr unsigned long kExiting = 0x4;  // PF_EXITING, include/linux/sched.h

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

}  // namespace

bool is_exiting(pid_t process) {
  const auto found = read_process(proc_folder() + "/" + std::to_string(process));
  return found && (found->flags & kExiting) != 0;
}

void abort_fuse_mounts(pid_t process) {
  const auto all = all_processes(proc_folder());
  std::set<std::string> minors;
  for (const auto& [pid, one] : all)
    if (descends_from(all, pid, process))
      minors.merge(fuse_mounts(proc_folder() + "/" + std::to_string(pid)));
  for (const auto& own : fuse_mounts(proc_folder() + "/self")) minors.erase(own);
  if (minors.empty()) return;
  // There already on most machines; where it is not, only root can have it.
  const bool mounted = mount("ovlcheck", kConnections, "fusectl", 0, nullptr) == 0;
  for (const auto& minor : minors) std::ofstream(std::string(kConnections) + "/" + minor + "/abort") << "1\n";
  if (mounted) (void)umount2(kConnections, MNT_DETACH);
}

}  // namespace ovlcheck
