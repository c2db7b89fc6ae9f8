// Sweep: has every system call of every scenario fail in every way, and looks at what is left.
#pragma once

#include <string>
#include <vector>

#include "adapters/userspace/userlay/faults/scenarios.h"
#include "adapters/userspace/userlay/faults/tracer.h"

namespace userlay::faults {

struct Swept {
  std::size_t points = 0;
  std::vector<std::string> illegal;  // which, and what was wrong, each a few lines

  std::size_t legal() const { return points - illegal.size(); }
};

// "3 of 3 points legal"
std::string in_words(const Swept& swept);

// Every fault at every call; otherwise one fault at each call, all in turn.
enum class Extent { kWhole, kShort };

// A point is legal if, whatever the operation answered, lower layers are as they were, and the layers mount
// again and show all of the old state or all of the new one, to the kernel, too, where it can be asked; the
// new one if it was told to have worked. After a mere error the operation must work when it is repeated in
// the same mount. Nothing may be left in the work directory by then. `options`: of the mounts. Throws
// std::system_error if a child cannot be traced.
Swept sweep(const Scenario& scenario, const std::string& options, Extent extent);

// The mount options with which a scenario is to be swept here, for a short sweep only the plainest; none if
// its own need more rights.
std::vector<std::string> options_for(const Scenario& scenario, Extent extent);

}  // namespace userlay::faults
