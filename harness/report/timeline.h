// Timeline: outcomes by kernel, of runs whose subjects are named KIND@RELEASE/PLACE.
#pragma once

#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/results/results.h"

namespace ovlcheck {

// One place (file system, privilege, mount options) where several kernels ran a case.
struct TimelineRow {
  std::string place;                                          // "kernel/ext4/userns"
  std::vector<std::pair<std::string, const Outcome*>> cells;  // release, in order of version; never null
  // Do kernels differ in verdict, or in the reason of a skip?
  bool changes() const;
};

// Rows in the order of the run's subjects. Points into `run`. Empty if no kernel ran the case.
std::vector<TimelineRow> timeline_of(const Run& run, const std::string& case_name);

// One case as a table: places down, kernels across, then the reasons of what did not pass.
std::string timeline_text(const Run& run, const std::string& case_name);

// A Markdown page of what differs between kernels: every case of `cases` that names kernel versions or whose
// outcome changes, with its version ranges and its outcome by kernel.
std::string changes_page(const Run& run, const std::vector<Case>& cases);

}  // namespace ovlcheck
