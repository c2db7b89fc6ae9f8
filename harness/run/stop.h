// Stop: the case cannot go on; becomes the end of its observation.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "harness/ops/observation.h"

namespace ovlcheck {

struct Stop {
  End end;
  std::string reason;
};

[[noreturn]] inline void stop(const std::string& what, int error = errno) {
  throw Stop{End::error, what + ": " + std::strerror(error)};
}

}  // namespace ovlcheck
