// Observation: everything seen while one case ran on one subject. Pure data; JSON is its wire format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/case/json.h"
#include "harness/case/tree.h"

namespace ovlcheck {

// What one step did.
struct StepResult {
  bool ran = false;
  int error = 0;     // errno, 0 = it worked
  Json value;        // result members (cases/README.md), null if none. Of `tree` the tree as JSON; of
                     // `readdir` also `types`, name to type ("unknown": not told)
  std::string skip;  // why the subject cannot do this step; "" = it can
  // Layers that changed during the step: "upper", "lower[0]"...
  std::vector<std::string> touched;
  std::vector<std::vector<StepResult>> tracks;  // parallel: one per list; offline: one
};

// How the case ended for the one who ran it.
enum class End { complete, skip, error, timeout, crash };

// What a mount shows that is made of the layers after the steps.
struct View {
  std::string error;  // why it could not be mounted, in the subject's words; "" = it could
  Tree merged;
};

struct Observation {
  End end = End::complete;
  std::string reason;       // of any end but complete
  std::string at_step;      // JSON pointer of the step under way then, "" outside of steps
  std::string mount_error;  // why the first mount failed, in the subject's words; "" = it did not
  Json options;             // effective mount options
  std::string fs;           // of the scratch: "tmpfs", "ext4"
  std::string privilege;    // "root", "userns" or "none"
  std::vector<StepResult> steps;
  // Snapshots in terms of meaning, by layer name: "before" (merged, before the first step), "merged",
  // "upper", "work", "lower[0]".
  std::map<std::string, Tree> trees;
  // `run --exchange`: the layers that the subject left, mounted by the other one, then by itself again.
  std::optional<View> exchanged, remounted;
  std::string not_exchanged;  // why there are none
  double seconds = 0;         // wall clock, layers to unmount
};

Json json_from_observation(const Observation& observation);
Observation observation_from_json(const Json& json);

}  // namespace ovlcheck
