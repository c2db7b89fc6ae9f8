// Tracer: runs code in a child process and has one of its system calls fail, fall short, or be its last.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace userlay::faults {

enum class Fault { kKill, kEio, kEnospc, kEintr, kShortWrite };
inline constexpr Fault kFaults[] = {Fault::kKill, Fault::kEio, Fault::kEnospc, Fault::kEintr,
                                    Fault::kShortWrite};
const char* fault_name(Fault fault);

// Where it happens: at the call of that number, from 1; 0: nowhere.
struct Point {
  std::size_t call = 0;
  Fault fault = Fault::kKill;
};

struct Traced {
  std::vector<long> calls;  // numbers of the system calls that were watched, up to the end or the kill
  int status = 0;           // as waitpid(2) tells it
};

// What the code calls around the part that is watched.
struct Watched {
  static void begin();
  static void end();
};

// Does this program know how to change system calls on this machine, and is it allowed to?
bool can_trace();

// Runs `code` in a child, which exits with what it returns. Every system call between Watched::begin() and
// end() counts that is about files; those about memory, signals and the process itself always work. A
// close(2) that fails has closed, as the kernel's does. Throws std::system_error if it cannot be traced.
Traced run_traced(const Point& point, const std::function<int()>& code);

// Can the call transfer less than it was asked to?
bool can_be_short(long call);

// "renameat2", or the number of a call that userlay is not known to make.
std::string call_name(long call);

}  // namespace userlay::faults
