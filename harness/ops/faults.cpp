#include "harness/ops/faults.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "harness/ops/fd.h"

namespace ovlcheck {
namespace {

std::atomic<bool> enabled{false};

// The thread's own switch. Opened once, before the thread takes other credentials or another root.
int thread_switch() {
  static thread_local Fd own(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
  return own.get();
}

bool write_number(unsigned number) {
  char text[16];
  const int size = std::snprintf(text, sizeof text, "%u", number);
  return pwrite(thread_switch(), text, static_cast<size_t>(size), 0) == size;
}

}  // namespace

bool enable_faults() {
  enabled = thread_switch() >= 0 && write_number(0);
  return enabled;
}

bool faults_enabled() {
  return enabled;
}

bool refuse_allocation(unsigned nth) {
  return enabled && write_number(nth);
}

bool stop_refusing() {
  const int error = errno;
  char text[16] = {};
  const bool known = pread(thread_switch(), text, sizeof text - 1, 0) > 0;
  const bool refused = known && std::strtoul(text, nullptr, 10) == 0;
  if (!write_number(0)) enabled = false;
  errno = error;
  return refused;
}

}  // namespace ovlcheck
