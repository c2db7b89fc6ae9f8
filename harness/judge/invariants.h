// Invariants: what must hold in every case, unasked.
#pragma once

#include <vector>

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/ops/observation.h"

namespace ovlcheck {

// Everything in a complete observation that breaks one of
//   lower-unchanged             no step changes a lower or data layer, but `offline` the layer it is about;
//   failed-step-leaves-upper    a step that fails leaves upper as it was, unless the case says `copies_up`
//                               (steps inside `parallel` are not told apart and not judged);
//   no-gained-privilege         no file gets set-id bits or a file capability that no step gave: names that
//                               carry them in merged at the end <= those "before" + steps that grant them;
//                               not judged where layers were changed from outside or stacked anew;
//   readdir-agrees-with-stat    what readdir names in merged can be looked at and is what it said.
std::vector<Deviation> broken_invariants(const Case& c, const Observation& seen);

// Can the step, if it succeeds, give one more name set-id bits or capabilities?
bool grants_privilege(const Step& step);
// Can the step bring any number of names into view?
bool reveals_names(const Step& step);
// Paths of what has set-id bits (directories do not count) or file capabilities.
std::vector<std::string> privileged_files(const Tree& tree);

}  // namespace ovlcheck
