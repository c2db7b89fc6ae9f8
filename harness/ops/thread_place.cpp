#include "harness/ops/thread_place.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>

#include "harness/ops/fd.h"

namespace ovlcheck {
namespace {

constexpr uint64_t kHomeId = 1;
constexpr uint64_t kUnknownId = 0;

struct Home {
  Fd root, cwd;
  const Credentials* credentials = nullptr;
  mode_t umask = 022;
  pid_t process = 0;  // that found it: a child may have moved elsewhere since
};

Home& home() {
  static Home the_home;
  return the_home;
}

struct ThreadState {
  uint64_t root_id = kUnknownId, cwd_id = kUnknownId;
  const Credentials* credentials = nullptr;  // null: unknown
  int umask = -1;                            // -1: unknown
};

thread_local constinit ThreadState thread;

void take_umask(mode_t umask) {
  if (thread.umask == static_cast<int>(umask)) return;
  ::umask(umask);
  thread.umask = static_cast<int>(umask);
}

Sys<void> take_credentials(const Credentials* credentials) {
  if (thread.credentials == credentials) return {};
  thread.credentials = nullptr;
  if (auto ok = become(*credentials); !ok) return ok;
  thread.credentials = credentials;
  return {};
}

Sys<void> enter_directories(uint64_t root_id, int root, uint64_t cwd_id, int cwd) {
  // An actor may neither change the root nor search every directory.
  if (auto ok = take_credentials(home().credentials); !ok) return ok;
  thread.cwd_id = kUnknownId;
  if (thread.root_id != root_id) {
    if (::fchdir(root) != 0 || ::chroot(".") != 0) return failed(errno);
    thread.root_id = root_id;
  }
  if (::fchdir(cwd) != 0) return failed(errno);
  thread.cwd_id = cwd_id;
  return {};
}

}  // namespace

const Credentials* intern(Credentials credentials) {
  static std::mutex mutex;
  static std::list<Credentials> all;
  std::sort(credentials.groups.begin(), credentials.groups.end());
  const std::lock_guard lock(mutex);
  const auto found = std::find(all.begin(), all.end(), credentials);
  if (found != all.end()) return &*found;
  all.push_back(std::move(credentials));
  return &all.back();
}

uint64_t new_place_id() {
  static std::atomic<uint64_t> next{kHomeId + 1};
  return next++;
}

Sys<void> settle(const ThreadPlace& place) {
  if (thread.root_id != place.root_id || thread.cwd_id != place.cwd_id) {
    if (place.root < 0) return failed(EBADF);
    const auto ok = enter_directories(place.root_id, place.root, place.cwd_id, place.cwd);
    if (!ok) return ok;
  }
  if (thread.credentials != place.credentials)
    if (auto ok = take_credentials(place.credentials); !ok) return ok;
  take_umask(place.umask);
  return {};
}

Sys<const Credentials*> remember_home() {
  if (const auto ok = settle_home(); !ok) return failed(ok.error());
  if (home().root && home().process == ::getpid()) return home().credentials;
  auto now = read_credentials();
  if (!now) return failed(now.error());
  Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd cwd(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root || !cwd) return failed(errno);
  home().credentials = intern(std::move(*now));
  home().umask = ::umask(022);  // the only way to read it
  ::umask(home().umask);
  home().process = ::getpid();
  home().root = std::move(root);
  home().cwd = std::move(cwd);
  thread.root_id = thread.cwd_id = kHomeId;
  thread.credentials = home().credentials;
  thread.umask = static_cast<int>(home().umask);
  return home().credentials;
}

Sys<void> settle_home() {
  if (!home().root) return {};  // nothing was ever entered
  if (thread.root_id != kHomeId || thread.cwd_id != kHomeId) {
    const auto ok = enter_directories(kHomeId, home().root.get(), kHomeId, home().cwd.get());
    if (!ok) return ok;
  }
  take_umask(home().umask);  // else the next case's layers, or a daemon, would be made with a step's
  return take_credentials(home().credentials);
}

void forget_cwd() {
  thread.cwd_id = kUnknownId;
}

Sys<void> unshare_place() {
  if (::unshare(CLONE_FS) != 0) return failed(errno);
  thread = ThreadState{};
  return {};
}

}  // namespace ovlcheck
