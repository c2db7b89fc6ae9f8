// execute: runs a suite for a command - the options of every run, progress while it runs, the report at its
// end, the exit status.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "harness/run/suite.h"

namespace ovlcheck {

// Options that every command has that runs a suite.
struct ExecuteOptions {
  std::string output = "ovlcheck-results";
  std::string baselines;  // folder; "" = the one that comes with the program
  bool no_baselines = false, strict = false, resume = false;
  unsigned jobs = 0;    // 0 = one per processor
  double timeout = 10;  // seconds a step may take

  // `jobs_help`: what --jobs counts.
  void add_options(CLI::App& command, const std::string& jobs_help);
  void apply(SuiteRequest& request) const;
};

// Returns the exit status of the command. `strict`: a known deviation that passes is a deviation too.
int execute(SuiteRequest request, bool strict);

}  // namespace ovlcheck
