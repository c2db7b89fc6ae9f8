// Floor parts: where the harness spends the time of a trivial case.
#pragma once

#include <string>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

struct FloorPart {
  std::string name;
  double microseconds;  // per case
};

// Runs the case `runs` times on `kernel` as a worker does, in one process, and tells each part of it on its
// own: layer building, mount, steps, snapshot, unmount, discarding the scratch, judging, the protocol (JSON
// out and in, on both sides) and the report (event log and results.json). Side by side in two processes, they
// take less than their sum. Throws std::runtime_error if overlayfs cannot be mounted.
std::vector<FloorPart> measure_floor_parts(const Case& c, unsigned runs);

}  // namespace ovlcheck
