// Releases: which kernel, and where, a subject of `ovlcheck vm` is about.
#pragma once

#include <string>
#include <vector>

#include "harness/results/results.h"

namespace ovlcheck {

// "kernel@6.1.0/ext4/userns:index=on" -> "6.1.0" and "kernel/ext4/userns:index=on"; no release for other
// names.
struct Located {
  std::string release, place;
};

Located located(const std::string& subject);

// Is the first release before the second, by their leading numbers?
bool older(const std::string& a, const std::string& b);

// Of all subjects of the run, the oldest first.
std::vector<std::string> releases_of(const Run& run);

// The first two lines of a Markdown table: `first`, which may be several cells joined by " | ", then the
// releases.
std::string table_head(const std::string& first, const std::vector<std::string>& releases);

}  // namespace ovlcheck
