// Claims: what people say about overlay storage, as things to measure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/bench/place.h"
#include "harness/results/bench.h"

namespace ovlcheck {

struct Claim {
  BenchChart chart;                                       // without series and finding
  std::vector<double> xs;                                 // places on the axis
  bool native = true;                                     // measure the plain directory as well
  bool volume = false;                                    // and a bind mount inside the kernel's merged tree
  std::vector<std::pair<std::string, Options>> variants;  // of the kernel: name and options
  std::function<Measurement(double x)> at;                // what to do there
  std::function<void(BenchChart&)> judge;  // sets finding and borne_out from the kernel's figures
};

// All of them. Files are at most `largest` bytes.
std::vector<Claim> all_claims(double largest);

}  // namespace ovlcheck
