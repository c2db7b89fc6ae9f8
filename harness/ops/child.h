// A child process that executes one program, with what it says collected.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/ops/vfs.h"

namespace ovlcheck {

// Output kept of each stream; the rest is read and thrown away.
inline constexpr size_t kKeptOutput = 64 * 1024;

// Forks and waits for the end of the child. The child's standard input is empty. `prepare` runs in the child
// and returns an errno that ends it; `execute` must call an exec function and is followed by _exit; both must
// be async-signal-safe. Fails with the errno of whatever kept the program from being executed.
Sys<ExecResult> run_child(const std::function<int()>& prepare, const std::function<void()>& execute);

}  // namespace ovlcheck
