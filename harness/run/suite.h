// Suite: one whole run - every case on every subject, judged, logged as it happens, stored at the end.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "harness/results/results.h"
#include "harness/run/pool.h"

namespace ovlcheck {

struct SuiteRequest {
  PoolRequest pool;
  std::string against;              // subject to judge the others by, "" = by the cases' expectations
  std::filesystem::path folder;     // where events.jsonl, results.json and cases.json go; created
  SuiteInfo suite;                  // of all cases, where pool.cases is only a shard of them
  std::filesystem::path clauses;    // clause index file for reports, "" = none
  std::filesystem::path baselines;  // folder of baselines, "" = none
  bool resume = false;              // go on with the run that is in `folder`
  std::function<void(const Outcome&)> on_outcome;  // as it happens; may be empty
};

struct SuiteResult {
  Run run;                // outcomes in the order of subjects and cases
  bool complete = false;  // false: interrupted, `run` holds what was done
  double seconds = 0;     // wall clock
  size_t operations = 0;  // steps that ran to their end and were judged
};

// Throws std::runtime_error or std::system_error if the environment broke, BadCase on a bad baseline or event
// log.
SuiteResult run_suite(SuiteRequest request);

// No deviation that a baseline does not list? `strict`: and none listed that passes.
bool as_expected(const Run& run, bool strict);

}  // namespace ovlcheck
