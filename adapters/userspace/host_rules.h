// HostRules: settings of the running kernel that its VFS applies to every file system.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace ovlcheck {

// The ids that exist in this user namespace.
class IdMap {
 public:
  // From /proc/self/uid_map or gid_map; every id if that cannot be read.
  static IdMap read(const char* path);
  bool contains(std::uint32_t id) const;
  bool is_complete() const;

 private:
  struct Range {
    std::uint64_t first, outside, count;
  };
  std::vector<Range> ranges_;
};

struct HostRules {
  int protected_symlinks = 0;
  int protected_hardlinks = 0;
  int protected_regular = 0;
  int protected_fifos = 0;
  IdMap uids, gids;
  // Outside of any user namespace: only there CAP_MKNOD and CAP_SYS_ADMIN open devices and trusted.* xattrs.
  bool initial_user_namespace = false;

  // As /proc says; what cannot be read keeps its default.
  static HostRules read();
};

}  // namespace ovlcheck
