// Bench reports: measured claims as charts and in words.
#pragma once

#include <string>

#include "harness/results/bench.h"

namespace ovlcheck {

// One chart as a standalone SVG picture: lines over logarithmic axes where x is a number, bars where x is a
// place, with the lowest and highest round as whiskers.
std::string bench_svg(const BenchChart& chart);

// All claims: whether they hold, the sentence with the figures, a table of medians.
std::string bench_markdown(const Bench& bench);

// The same on one self-contained page with the charts.
std::string bench_html(const Bench& bench);

// A claim per paragraph, at most 80 columns.
std::string bench_text(const Bench& bench);

}  // namespace ovlcheck
