// Case: one JSON test as a value - layers, mount options, steps, and what must be observed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/case/json.h"
#include "harness/case/tree.h"

namespace ovlcheck {

// Mount options with the kernel's names; the value of a bare option ("volatile") is "".
using Options = std::map<std::string, std::string>;

// Who does a step.
struct Actor {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::vector<std::string> caps;  // "CAP_FOWNER"; effective set
  mode_t umask = 022;
};

// One operation. `args` is the whole JSON object of the step; its operands are documented in cases/README.md.
struct Step {
  std::string op;  // name of the operation, e.g. "rename"
  Json args;
  std::string as;     // name of its descriptor or result; "" none
  std::string actor;  // "" the mounter
  Json expect = "ok";
  bool copies_up = false;
  std::vector<std::vector<Step>> tracks;  // parallel: its lists of steps; offline: one list
  std::string where;                      // JSON pointer in the case, e.g. "/steps/2"
};

// Calls visit(step) for all steps, those of their tracks included, until one call returns true; did one?
template <class Visit>
bool any_step(const std::vector<Step>& steps, const Visit& visit) {
  for (const Step& step : steps) {
    if (visit(step)) return true;
    for (const auto& track : step.tracks)
      if (any_step(track, visit)) return true;
  }
  return false;
}

template <class Visit>
void for_each_step(const std::vector<Step>& steps, const Visit& visit) {
  (void)any_step(steps, [&](const Step& step) {
    visit(step);
    return false;
  });
}

// What must be there for a case to be run.
struct Requirements {
  std::string kernel;     // version range, "" any
  std::string privilege;  // "root", "userns" or "" any
  std::vector<std::string> needs;
};

struct Case {
  std::string group;
  std::string id;  // within the group, with the table's values in brackets
  std::string title, about;
  std::vector<std::string> clauses;
  std::string file;     // it came from, for messages
  std::string pointer;  // of the case in that file

  std::vector<Tree> lowers;  // [0] topmost
  std::optional<Tree> upper = Tree{};
  std::vector<Tree> data;
  Options mount;
  bool mounted = true;
  Requirements requires_;
  std::map<std::string, Actor> actors;
  std::vector<Step> steps;
  Json after;  // layer name -> expected tree, or an "if" object; null = nothing

  Json json;  // the expanded case as one JSON object, what is sent to a worker

  std::string name() const { return group + "/" + id; }
};

// Reads one expanded case object (no "for"); throws BadCase.
Case case_from_json(const Json& json, const std::string& group, const std::string& pointer);

// `options` with the members of a "mount" or "remount" object applied: text or a number sets, true sets a
// bare option, false removes. Throws BadCase; `where` is the pointer of `changes`.
Options changed_options(Options options, const Json& changes, const std::string& where);

// Expands "for" tables of one case object into plain case objects; a case without a table gives itself.
// Throws BadCase.
std::vector<Json> expand_table(const Json& json, const std::string& pointer);

// All cases of a file's text, tables expanded, defaults applied, checked against the schema. Throws BadCase
// with every problem found.
std::vector<Case> read_cases(const std::string& text, const std::string& file);

// All cases below a folder or in a file (*.json, but not changes.json, clauses.json, errnos.json and
// schema/), sorted by file name. Throws BadCase.
std::vector<Case> load_cases(const std::vector<std::string>& paths);

// The same case for all kernels: without the range that it requires.
Case without_kernel_range(Case c);

// Does "5.11" <= version etc. hold? `range` is a list of comparisons separated by blanks, all of which must
// hold, or several such lists: ">=6.12.117 <6.13 or >=6.18". `version` is a release as of uname(2); only its
// leading numbers count, and of those as many as the bound has: 6.8.3 is "<=6.8". A version without numbers
// is newer than all. Throws BadCase (pointer empty) on a malformed range.
bool version_in_range(const std::string& version, const std::string& range);

}  // namespace ovlcheck
