#include "adapters/userspace/host_rules.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

namespace ovlcheck {
namespace {

constexpr std::uint64_t kAllIds = 0xffffffff;

int setting(const std::string& name) {
  std::ifstream file("/proc/sys/fs/" + name);
  int value = 0;
  return file >> value ? value : 0;
}

}  // namespace

IdMap IdMap::read(const char* path) {
  IdMap map;
  std::ifstream file(path);
  for (Range range{}; file >> range.first >> range.outside >> range.count;) map.ranges_.push_back(range);
  if (map.ranges_.empty()) map.ranges_.push_back({0, 0, kAllIds});
  return map;
}

bool IdMap::contains(std::uint32_t id) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return id >= range.first && id - range.first < range.count; });
}

// Only the initial namespace maps every id to itself.
bool IdMap::is_complete() const {
  return ranges_.size() == 1 && ranges_[0].first == 0 && ranges_[0].outside == 0 &&
         ranges_[0].count == kAllIds;
}

HostRules HostRules::read() {
  HostRules rules;
  rules.protected_symlinks = setting("protected_symlinks");
  rules.protected_hardlinks = setting("protected_hardlinks");
  rules.protected_regular = setting("protected_regular");
  rules.protected_fifos = setting("protected_fifos");
  rules.uids = IdMap::read("/proc/self/uid_map");
  rules.gids = IdMap::read("/proc/self/gid_map");
  rules.initial_user_namespace = rules.uids.is_complete();
  return rules;
}

}  // namespace ovlcheck
