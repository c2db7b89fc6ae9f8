// Scenarios: layers, and one operation of userlay on them that must happen as a whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "adapters/userspace/userlay/test_support.h"

namespace userlay::faults {

struct Scenario {
  std::string name;  // "rename: a lower file over an upper one"
  std::function<void(const testing::Layers&)> prepare;
  std::function<int(testing::Paths&)> run;  // errno, 0 = it worked
  std::string options = {};                 // without which it cannot be; they need trusted.*
  bool changes_times = false;  // when data follow metadata, as in the kernel; those in upper are not compared
};

std::vector<Scenario> scenarios();

}  // namespace userlay::faults
