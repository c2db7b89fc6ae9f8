// NameSet: the names in a directory of a lower layer, to answer for what is not there without asking.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "adapters/userspace/userlay/sys.h"

namespace userlay {

// Lower layers do not change while they are mounted. All functions may be called from any thread.
class NameSet {
 public:
  // Surely not there? False as long as the names are not known.
  bool lacks(std::size_t hash) const;
  // Of a name.
  static std::size_t hash(std::string_view name) { return std::hash<std::string_view>()(name); }
  // Somebody asked for a name that is not there. After a few of them the directory is read, unless it is
  // large.
  void missed(const At& directory);

 private:
  using Hashes = std::unordered_set<std::size_t>;
  static std::unique_ptr<const Hashes> read(const At& directory);

  std::atomic<unsigned> misses_{0};
  std::atomic<const Hashes*> known_{nullptr};
  std::unique_ptr<const Hashes> owned_;  // set once, before known_
};

}  // namespace userlay
