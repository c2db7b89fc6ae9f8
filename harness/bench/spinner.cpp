#include "harness/bench/spinner.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace ovlcheck {
namespace {

[[noreturn]] void spin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  const sched_param lowest{};
  // Without its low priority it would take time from what is measured.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::sched_setaffinity(0, sizeof cores, &cores) != 0 ||
      ::sched_setscheduler(0, SCHED_IDLE, &lowest) != 0)
    ::_exit(1);
  std::atomic<unsigned> turns{0};
  for (;;) turns.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Spinner::Spinner() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    const int pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid == 0) spin(core);
    pids_.push_back(pid);
  }
}

Spinner::~Spinner() {
  for (const int pid : pids_) {
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
  }
}

}  // namespace ovlcheck
