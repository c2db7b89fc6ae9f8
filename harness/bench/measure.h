// Measure: runs claims on subjects, by turns, in a sandbox.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/results/bench.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {

struct BenchRequest {
  std::vector<std::string> subjects;  // besides "kernel", which is always measured
  std::vector<std::string> only;      // ids of claims; empty = all
  SandboxRequest sandbox;
  unsigned rounds = 5;
  double largest = 256 << 20;           // bytes of the largest file
  std::vector<std::string> reflink_fs;  // file systems to measure the first write on as well
  std::function<void(const std::string& doing)> on_progress;  // what is being measured
};

// In child processes, which live in sandboxes. The series of subjects that cannot run here are left out, with
// a note. Throws std::invalid_argument for an unknown claim, std::runtime_error if the kernel's overlayfs
// cannot be mounted.
Bench measure_claims(const BenchRequest& request);

}  // namespace ovlcheck
