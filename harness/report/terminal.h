// Terminal: a run told in plain text, as `ovlcheck run` and `ovlcheck report` print it.
#pragma once

#include <cstddef>
#include <string>

#include "harness/report/matrix.h"
#include "harness/results/results.h"

namespace ovlcheck {

struct TerminalStyle {
  bool colours = false;
  size_t columns = 80;
};

// Groups x subjects, "passed/applicable" in every cell ("-": nothing applies), totals with percent; in
// several tables, one below the other, where the subjects do not fit side by side.
std::string terminal_table(const Run& run, const TerminalStyle& style);

// One finding: case, title, clauses, then every deviation with its step, what was expected and what was
// observed; differences of trees as -expected and +observed lines.
std::string terminal_finding(const Finding& finding, const TerminalStyle& style);

// The whole run: findings, what was skipped and why, the table, and a last line of counts.
std::string terminal_report(const Run& run, const TerminalStyle& style);

}  // namespace ovlcheck
