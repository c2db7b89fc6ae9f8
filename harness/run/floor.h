// Floor: how close a kernel case comes to a bare loop of the same system calls.
#pragma once

#include <string>
#include <vector>

#include "harness/run/floor_parts.h"

namespace ovlcheck {

struct Floor {
  double bare = 0;     // microseconds per round of the bare loop, median over rounds
  double harness = 0;  // microseconds per case run by a worker, judged and reported
  std::vector<FloorPart> parts;
  double two_jobs = 0;  // microseconds per case with two workers; 0 where there is one processor only
  double ratio() const { return harness / bare; }
  // How many times as many cases a second two workers run; 0 if that was not measured.
  double scaling() const { return two_jobs > 0 ? harness / two_jobs : 0; }
};

// Runs a trivial case `runs` times on `kernel` with one worker, and the same system calls (mkdir of the
// layers, mount, open, write, close, unlink, umount) in a plain loop in a sandbox of the same kind; both in
// turns, so that they see the same machine; then with two workers, and the parts of it. Throws
// std::runtime_error if overlayfs cannot be mounted.
Floor measure_floor(const std::string& program, unsigned runs);

}  // namespace ovlcheck
