// Flakes: cases that changed their mind within one run that repeated them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/judge/outcome.h"

namespace ovlcheck {

struct Flake {
  std::string subject, case_name;
  std::map<std::string, size_t> outcomes;  // in words ("pass", "fail at /steps/1: EIO") -> how often
  bool operator==(const Flake&) const = default;
};

// Every subject and case whose outcomes are not all the same, times aside, in the order of their names.
std::vector<Flake> flakes(const std::vector<Outcome>& outcomes);

// One line: "kernel rename/x: 99 pass, 1 fail at /steps/1: EIO".
std::string describe(const Flake& flake);

}  // namespace ovlcheck
