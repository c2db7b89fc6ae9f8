// HostView: the part of the host's file tree that a worker may see, read-only.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

struct HostView {
  std::vector<std::string> shown;  // more folders of the host
  std::string scratch;             // directory to be seen as /scratch; "" = an empty one
  bool all_devices = false;        // of the host, for who must make loop devices
};

// Mounts a new tmpfs and makes it the root of the calling process, which needs a mount namespace of its own.
// In it are programs and libraries (/usr, /bin, /lib*, /opt, ...), the few files of /etc that programs ask
// for, harmless devices, /sys and the folders `shown` - all read-only, and no homes, no /run, no other data
// -, /scratch and an empty /proc. The host's /proc stays mounted at kHiddenProc, for the sake of new ones,
// where nobody but the owner can look. Throws std::runtime_error.
void enter_host_view(const HostView& view);

inline constexpr const char* kHiddenProc = "/.host/proc";

// Where the calling process finds the machine's processes: /proc, or kHiddenProc once it has entered its host
// view.
std::string proc_folder();

// Folders that a command needs to see: those of the absolute paths in it that exist.
std::vector<std::string> folders_in_command(const std::string& command);

}  // namespace ovlcheck
