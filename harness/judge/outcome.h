// Outcome: what became of one case on one subject, and what deviated. Pure data; JSON is its stored format
// (results/README.md).
#pragma once

#include <string>
#include <vector>

#include "harness/case/json.h"

namespace ovlcheck {

enum class Verdict { pass, fail, error, timeout, crash, skip };

// All of them, in the order reports show them.
constexpr Verdict kVerdicts[] = {Verdict::pass,    Verdict::fail,  Verdict::error,
                                 Verdict::timeout, Verdict::crash, Verdict::skip};

const char* verdict_name(Verdict verdict);  // "pass" ...
// Throws std::invalid_argument for an unknown name.
Verdict verdict_from_name(const std::string& name);

// One difference between two trees at one path.
struct TreeDifference {
  std::string path;  // "d/f" in JSON's text convention; "." = the root
  // "content", "mode", "type", "missing", "unexpected", "whiteout", "opaque", "xattr user.a", ...
  std::string what;
  std::string expected;  // in words; "" for unexpected
  std::string observed;  // in words; "" for missing
  bool operator==(const TreeDifference&) const = default;
};

// One thing that was not as it must be.
struct Deviation {
  std::string where;     // "/steps/2", "after merged", "invariant lower-unchanged"
  std::string step;      // the step in words, "" if none
  std::string expected;  // in words
  std::string observed;  // in words
  std::vector<TreeDifference> tree;
  bool operator==(const Deviation&) const = default;
};

struct Outcome {
  std::string subject;
  std::string case_name;
  // Of the case, so that a report needs nothing but outcomes.
  std::string title;
  std::vector<std::string> clauses;
  Verdict verdict = Verdict::pass;
  std::string reason;                 // of skip, error, timeout, crash
  std::string at_step;                // JSON pointer of the step that skip, error... is about, "" none
  std::string step;                   // that step in words
  std::vector<Deviation> deviations;  // of fail
  std::string listed;                 // why a baseline lists this case as deviating, "" = none does
  double seconds = 0;                 // stored in whole microseconds
  bool operator==(const Outcome&) const = default;
};

// Neither pass nor skip.
bool deviates(const Outcome& outcome);
// A deviation that a baseline lists.
bool is_known(const Outcome& outcome);
// A pass where a baseline lists a deviation.
bool is_fixed(const Outcome& outcome);

// Empty members are left out.
Json json_from_outcome(const Outcome& outcome);
// Throws std::exception of some kind on a value that is not an outcome.
Outcome outcome_from_json(const Json& json);

}  // namespace ovlcheck
