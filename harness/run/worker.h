// Worker: the process that runs cases on one subject, one JSON line in, one JSON line out.
//
// The first line it writes is {"hello": {"kernel", "privilege", "fs", "mapped_uids", "version", "missing",
// "scratch"}}; if it cannot start,
// {"broken": "why"}. Requests are {"request": N, "group": NAME, "case": CASE, "observe": BOOL}; the answer to
// each, in order, is
// {"request": N, "outcome": OUTCOME} (several lines may be written at once) with "observation" where asked
// for. A step that takes longer than the timeout, or a signal that kills the worker, is answered in the name
// of the running case, with "last": true, before the worker ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/run/sandbox.h"

namespace ovlcheck {

// Requests that a worker with `staged` has in hand, and stages together.
constexpr size_t kStagedTogether = 256;

inline constexpr int kRenewEvery =
    128;  // cases per scratch tmpfs: few enough to stay small, many enough to cost nothing

// A mount that somebody else made over staged layers (`ovlcheck stage`): run there, mount nothing.
struct AttachRequest {
  std::string merged, upper;
  std::vector<std::string> lowers;  // [0] topmost; empty = they are not watched
};

struct WorkerOptions {
  std::string subject;        // as given by the user, e.g. "kernel:index=on"
  std::string mount_command;  // of a subject without a descriptor; "" none
  SandboxRequest sandbox;
  double step_timeout = 10;  // seconds
  bool staged = false;       // one mount for all cases at hand that need none of their own
  std::optional<AttachRequest> attach;
  bool faults = false;   // refuse memory to every system call until it gets through (harness/ops/faults.h)
  std::string exchange;  // a subject that mounts the layers afterwards and must show the same; "" none
};

// Reads requests from standard input until end of file. Returns the exit status.
int run_worker(const WorkerOptions& options);

}  // namespace ovlcheck
