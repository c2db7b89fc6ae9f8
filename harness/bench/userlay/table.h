// Table: what was measured, side by side, and which demands the daemon misses. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/bench/userlay/rows.h"

namespace ovlcheck {

// Seconds per operation of one row, of every round, by subject.
struct Measured {
  std::string row;
  Demand demand;
  std::map<std::string, std::vector<double>> seconds;
};

// Names of the subjects that a table knows.
inline constexpr const char* kKernel = "kernel";
inline constexpr const char* kUserlay = "userlay-fuse";
inline constexpr const char* kRival = "fuse-overlayfs";
inline constexpr const char* kBounce = "bounce";

// The medians of `subjects` as a Markdown table, followed by the daemon's ratios to the others.
std::string table(const std::vector<Measured>& rows, const std::vector<std::string>& subjects);

struct Missed {
  std::vector<std::string> misses;  // one line per demand that a row misses
  // The same of those that no FUSE file system could meet: one that does nothing takes longer than is
  // allowed.
  std::vector<std::string> out_of_reach;
};

// Ratios up to 1.05 count as equal.
Missed missed(const std::vector<Measured>& rows);

}  // namespace ovlcheck
