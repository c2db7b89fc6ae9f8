// Changes: what is said to have changed in overlayfs since which kernel, and the cases that can show it.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

struct KernelChange {
  std::string since;               // "6.7": the first kernel that is said to have it
  std::string change;              // what it is
  std::string source;              // who says so
  std::string privilege;           // "root" or "userns": only what ran so counts; "" = both
  std::vector<std::string> cases;  // patterns of cases that pass with it and fail without
  std::string unshown;             // why no case can show it, "" = they can
};

// All of a file's text, checked against the schema. Throws BadCase with every problem found.
std::vector<KernelChange> read_changes(const std::string& text, const std::string& file);

// The same of a file. Throws BadCase also if it cannot be read.
std::vector<KernelChange> load_changes(const std::string& file);

}  // namespace ovlcheck
