// Lists: a run as flat lists that other programs read - JUnit XML, TAP 13, CSV and JSON.
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
// The matrix as JSON, one case a line so that versions of it can be compared: `format` (1), `host`, `suite`
// (`revision`, `cases`), `subjects` (`name`, `version`, `privilege`, `fs`, `missing`) and `cases`, from case to
// subject to outcome; deviations that a baseline lists are `known`. No titles, reasons or deviations.
std::string json_report(const Run& run);

}  // namespace ovlcheck
