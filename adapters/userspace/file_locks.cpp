#include "adapters/userspace/file_locks.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

namespace ovlcheck {
namespace {

constexpr off_t kEnd = std::numeric_limits<off_t>::max();

struct Range {
  off_t first, last;
};

// The bytes a struct flock names; EINVAL for a start before 0, EOVERFLOW for an end that is none.
Sys<Range> range_of(const struct ::flock& lock, off_t position, off_t size) {
  off_t start = 0;
  switch (lock.l_whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      start = position;
      break;
    case SEEK_END:
      start = size;
      break;
    default:
      return failed(EINVAL);
  }
  if (lock.l_start > kEnd - start) return failed(EOVERFLOW);
  start += lock.l_start;
  if (start < 0) return failed(EINVAL);
  if (lock.l_len == 0) return Range{start, kEnd};
  if (lock.l_len > 0) {
    if (lock.l_len - 1 > kEnd - start) return failed(EOVERFLOW);
    return Range{start, start + lock.l_len - 1};
  }
  if (start + lock.l_len < 0) return failed(EINVAL);
  return Range{start + lock.l_len, start - 1};
}

}  // namespace

Sys<void> FileLocks::flock(const OpenFile& file, int operation) {
  const int type = operation & ~LOCK_NB;
  if (type != LOCK_SH && type != LOCK_EX && type != LOCK_UN) return failed(EINVAL);
  if (type != LOCK_UN && !file.readable() && !file.writable()) return failed(EBADF);
  std::unique_lock lock(mutex_);
  auto& holders = flocks_[file.node->id];
  if (type == LOCK_UN) {
    holders.erase(&file);
    released_.notify_all();
    return {};
  }
  if (const auto mine = holders.find(&file); mine != holders.end()) {
    if (mine->second == type) return {};
    holders.erase(mine);  // a conversion gives the old lock up first, and loses it if it fails
    released_.notify_all();
  }
  const auto conflict = [&] {
    return std::any_of(holders.begin(), holders.end(),
                       [&](const auto& held) { return type == LOCK_EX || held.second == LOCK_EX; });
  };
  if (operation & LOCK_NB) {
    if (conflict()) return failed(EWOULDBLOCK);
  } else {
    released_.wait(lock, [&] { return !conflict(); });
  }
  holders[&file] = type;
  return {};
}

Sys<void> FileLocks::set(const OpenFile& file, const struct ::flock& lock, bool ofd, off_t position,
                         off_t size) {
  if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK && lock.l_type != F_UNLCK) return failed(EINVAL);
  if (ofd && lock.l_pid != 0) return failed(EINVAL);
  const auto range = range_of(lock, position, size);
  if (!range) return failed(range.error());
  if (lock.l_type == F_RDLCK && !file.readable()) return failed(EBADF);
  if (lock.l_type == F_WRLCK && !file.writable()) return failed(EBADF);

  const OpenFile* owner = ofd ? &file : nullptr;
  const std::lock_guard guard(mutex_);
  auto& records = records_[file.node->id];
  const auto overlaps = [&](const Record& other) {
    return other.first <= range->last && range->first <= other.last;
  };
  if (lock.l_type != F_UNLCK) {
    for (const Record& other : records)
      if (other.owner != owner && overlaps(other) && (lock.l_type == F_WRLCK || other.type == F_WRLCK))
        return failed(EAGAIN);
  }
  // The owner's older locks lose these bytes.
  std::vector<Record> remainders;
  records.remove_if([&](const Record& old) {
    if (old.owner != owner || !overlaps(old)) return false;
    if (old.first < range->first) remainders.push_back({owner, old.type, old.first, range->first - 1});
    if (old.last > range->last) remainders.push_back({owner, old.type, range->last + 1, old.last});
    return true;
  });
  records.insert(records.end(), remainders.begin(), remainders.end());
  if (lock.l_type != F_UNLCK) records.push_back({owner, lock.l_type, range->first, range->last});
  return {};
}

void FileLocks::closed(const OpenFile& file) {
  const std::lock_guard lock(mutex_);
  // The node's entry stays: others may be waiting on it.
  if (const auto held = flocks_.find(file.node->id); held != flocks_.end()) held->second.erase(&file);
  released_.notify_all();
  if (const auto held = records_.find(file.node->id); held != records_.end()) {
    held->second.remove_if([&](const Record& record) { return !record.owner || record.owner == &file; });
    if (held->second.empty()) records_.erase(held);
  }
}

}  // namespace ovlcheck
