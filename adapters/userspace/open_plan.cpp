#include "adapters/userspace/open_plan.h"

#include <unistd.h>

#include <cerrno>

namespace ovlcheck {
namespace {

// O_TMPFILE without the O_DIRECTORY it contains, and O_LARGEFILE, which the C library hides on 64 bit.
constexpr std::uint64_t kTmpfileBit = O_TMPFILE & ~O_DIRECTORY;
constexpr std::uint64_t kLargeFile = 0100000;
constexpr std::uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr std::uint64_t kValidFlags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                                      O_NONBLOCK | O_SYNC | O_DSYNC | FASYNC | O_DIRECT | kLargeFile |
                                      O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | kTmpfileBit;
constexpr std::uint64_t kValidResolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                                        RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;

bool will_create(std::uint64_t flags) {
  return flags & (O_CREAT | kTmpfileBit);
}

// What openat(2) makes of its arguments.
open_how forgiving(open_how how) {
  how.flags &= kValidFlags;
  how.mode &= 07777;
  if (how.flags & O_PATH) how.flags &= kPathFlags;
  if (!will_create(how.flags)) how.mode = 0;
  return how;
}

int access_of(std::uint64_t flags) {
  static constexpr int kByMode[] = {R_OK, W_OK, R_OK | W_OK, R_OK | W_OK};
  return kByMode[flags & O_ACCMODE];
}

}  // namespace

Sys<OpenPlan> plan_open(const open_how& asked) {
  const open_how how = asked.resolve == 0 ? forgiving(asked) : asked;
  const std::uint64_t flags = how.flags;
  if (flags & ~kValidFlags) return failed(EINVAL);
  if (how.resolve & ~kValidResolve) return failed(EINVAL);
  if ((how.resolve & RESOLVE_BENEATH) && (how.resolve & RESOLVE_IN_ROOT)) return failed(EINVAL);
  if (how.mode & ~(will_create(flags) ? std::uint64_t{07777} : 0)) return failed(EINVAL);
  if ((flags & O_DIRECTORY) && (flags & O_CREAT)) return failed(EINVAL);

  OpenPlan plan;
  plan.access = access_of(flags);
  if (flags & kTmpfileBit) {
    if (!(flags & O_DIRECTORY) || !(plan.access & W_OK)) return failed(EINVAL);
  }
  if (flags & O_PATH) {
    if (flags & ~kPathFlags) return failed(EINVAL);
    plan.access = 0;
  }
  if (flags & O_TRUNC) plan.access |= W_OK;
  if ((how.resolve & RESOLVE_CACHED) && (flags & (O_TRUNC | O_CREAT | kTmpfileBit))) return failed(EAGAIN);
  plan.flags = static_cast<int>(flags);
  plan.mode = static_cast<mode_t>(how.mode);
  plan.resolve = how.resolve;
  plan.directory = flags & O_DIRECTORY;
  plan.follow = !(flags & O_NOFOLLOW) && !plan.exclusive();
  return plan;
}

}  // namespace ovlcheck
