// Short ways to write cases and what was seen; for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/judge/judge.h"

namespace ovlcheck {

// JSON as if read from a file: numbers that are not negative are unsigned.
inline Json as_read(const Json& json) {
  return Json::parse(json.dump());
}

// A case with these steps; `more` has further members.
inline Case case_of(const std::vector<Json>& steps, const Json& more = Json::object()) {
  Json json = {{"id", "c"}, {"title", "t"}, {"clauses", {"RENAME-1"}}, {"steps", steps}};
  json.update(more);
  return case_from_json(as_read(json), "g", "");
}

inline StepResult did(const Json& value = nullptr) {
  return {.ran = true, .value = as_read(value)};
}

inline StepResult failed_with(int error) {
  return {.ran = true, .error = error};
}

inline StepResult touching(StepResult result, std::vector<std::string> layers) {
  result.touched = std::move(layers);
  return result;
}

inline StepResult with_tracks(std::vector<std::vector<StepResult>> tracks) {
  return {.ran = true, .tracks = std::move(tracks)};
}

inline Tree tree_of(const Json& json) {
  return tree_from_json(as_read(json), "");
}

inline Observation seen(std::vector<StepResult> steps, std::map<std::string, Tree> trees = {}) {
  Observation observation;
  observation.steps = std::move(steps);
  observation.trees = std::move(trees);
  observation.trees.try_emplace("merged");
  return observation;
}

// The subject as most tests have it.
inline Facts facts() {
  return {.options = {{"redirect_dir", "on"}, {"volatile", "on"}, {"index", "off"}},
          .kernel = "6.1.0",
          .privilege = "root",
          .fs = "tmpfs"};
}

}  // namespace ovlcheck
