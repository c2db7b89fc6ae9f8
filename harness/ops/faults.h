// Faults: makes the kernel refuse memory to system calls, one allocation after the other (CONFIG_FAILSLAB and
// /proc/thread-self/fail-nth).
#pragma once

namespace ovlcheck {

// From now on, in this process. Returns false if this kernel cannot do that, or not for this process.
bool enable_faults();

bool faults_enabled();

// Lets the `nth` allocation of this thread from now on fail; false if faults are not enabled.
bool refuse_allocation(unsigned nth);
// No more; was the allocation come to? errno stays as it is.
bool stop_refusing();

// `operation` with its first allocation refused, then with its second, and so on until it succeeds or is over
// before that many: what it returns then is what it returns without faults. It must be one that can be tried
// again after it has failed.
template <class Operation>
auto under_faults(Operation operation) -> decltype(operation()) {
  constexpr unsigned kMost = 400;  // allocations of one system call
  for (unsigned nth = 1; nth <= kMost && refuse_allocation(nth); ++nth) {
    auto result = operation();
    if (!stop_refusing() || result) return result;
  }
  return operation();
}

}  // namespace ovlcheck
