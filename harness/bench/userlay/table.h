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

// One line per row that misses its demand. Ratios up to 1.05 count as equal.
std::vector<std::string> misses(const std::vector<Measured>& rows);

}  // namespace ovlcheck
