// Matrix: groups x subjects with counts, the common ground of all reports.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/results/results.h"

namespace ovlcheck {

// Counts of one group (or all) on one subject. A case without an outcome counts as one that did not pass.
struct Cell {
  size_t pass = 0;
  size_t applicable = 0;  // planned cases that were not skipped
  bool none() const { return applicable == 0; }
  bool perfect() const { return pass == applicable; }
  size_t percent() const;  // of applicable, rounded down: 100 means all; 0 if there are none
};

struct Matrix {
  struct Row {
    std::string group;
    size_t planned = 0;       // cases of the group
    std::vector<Cell> cells;  // one per subject
  };
  std::vector<std::string> subjects;
  std::vector<Row> rows;
  std::vector<Cell> totals;  // one per subject
};

// Columns are the run's subjects, in its order, rows the suite's groups by name. A subject that could not run
// at all has no applicable case.
Matrix matrix_of(const Run& run);

// One finding: what became of a case, and on which subjects exactly the same became of it.
struct Finding {
  const Outcome* outcome;  // of the first of these subjects
  std::vector<std::string> subjects;
};

// Every deviation that no baseline lists, sorted by case. Points into `run`.
std::vector<Finding> findings_of(const Run& run);

// "12/14"; "-" where nothing applies.
std::string cell_text(const Cell& cell);
// "rename" of "rename/lower-dir-is-exdev".
std::string group_of(const std::string& case_name);
// "copy-up/data" of "copy-up/data[write]": the case that a table was expanded from.
std::string table_of(const std::string& case_name);
// "step 3" of "/steps/2", "step 3.1.2" of "/steps/2/parallel/0/1"; other places as they are.
std::string place_in_words(const std::string& where);

}  // namespace ovlcheck
