// Outcome: what became of one case on one subject, and what deviated. Pure data; JSON is its stored format.
#pragma once

#include <string>
#include <vector>

#include "harness/case/json.h"

namespace ovlcheck {

enum class Verdict { pass, fail, error, timeout, crash, skip };

const char* verdict_name(Verdict verdict);  // "pass" ...
// Throws std::invalid_argument for an unknown name.
Verdict verdict_from_name(const std::string& name);

// One difference between two trees at one path.
struct TreeDifference {
  std::string path;  // "d/f"; "." = the root
  std::string
      what;  // "content", "mode", "type", "missing", "unexpected", "whiteout", "opaque", "xattr user.a", ...
  std::string expected;  // in words; "" for unexpected
  std::string observed;  // in words; "" for missing
};

// One thing that was not as it must be.
struct Deviation {
  std::string where;     // "/steps/2", "after merged", "invariant lower-unchanged"
  std::string step;      // the step in words, "" if none
  std::string expected;  // in words
  std::string observed;  // in words
  std::vector<TreeDifference> tree;
};

struct Outcome {
  std::string subject;
  std::string case_name;
  Verdict verdict = Verdict::pass;
  std::string reason;                 // of skip, error, timeout, crash
  std::vector<Deviation> deviations;  // of fail
  double seconds = 0;
};

Json json_from_outcome(const Outcome& outcome);
Outcome outcome_from_json(const Json& json);

}  // namespace ovlcheck
