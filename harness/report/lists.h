// Lists: a run as flat lists that other programs read - JUnit XML, TAP 13 and CSV.
#pragma once

#include <string>

#include "harness/results/results.h"

namespace ovlcheck {

// One testsuite per subject, one testcase per case. A known deviation is a skipped test with its reason.
std::string junit_report(const Run& run);
// One test point per subject and case; skips and known deviations (TODO) as directives, deviations with a
// YAML block.
std::string tap_report(const Run& run);
// subject,case,outcome,listed,reason with a header line, fields quoted where needed (RFC 4180).
std::string csv_report(const Run& run);

}  // namespace ovlcheck
