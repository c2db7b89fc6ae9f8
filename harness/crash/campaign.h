// Campaign: crashes of virtual machines at seeded moments, and whether what they leave is legal.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "adapters/vm/machine.h"
#include "adapters/vm/write_log.h"
#include "harness/case/case.h"

namespace ovlcheck {

// One crash. All of it follows from the campaign's seed and the number.
struct Trial {
  size_t number = 0;
  size_t machine = 0, scenario = 0;  // in the campaign's arrays
  std::string fs, subject;
  bool eager = false;  // the kernel writes back all the time
  PowerLoss loss = PowerLoss::kept;
  uint64_t moment = 0;  // seed of the moment
};

enum class TrialVerdict { legal, illegal, skipped, error };

struct TrialResult {
  Trial trial;
  TrialVerdict verdict = TrialVerdict::error;
  std::string why;    // of all but legal
  std::string found;  // "old", "new", "between" or "refused": of legal ones
  std::string when;   // "after step 2", "during step 3"
};

struct CampaignRequest {
  std::vector<Machine> machines;
  std::vector<Case> scenarios;
  std::vector<std::string> file_systems, subjects;
  uint64_t seed = 1;
  size_t first = 0, count = 100;                      // numbers of trials
  unsigned jobs = 1;                                  // virtual machines at a time
  double seconds = 0;                                 // begin no more after that long; 0 = no limit
  std::function<void(const TrialResult&)> on_result;  // called one at a time; may be empty
};

// Results in the order of trials; fewer than asked for if time ran out. Throws std::runtime_error if no
// machine can be run at all.
std::vector<TrialResult> run_campaign(const CampaignRequest& request);

// The report as Markdown.
std::string campaign_report(const CampaignRequest& request, const std::vector<TrialResult>& results);

}  // namespace ovlcheck
