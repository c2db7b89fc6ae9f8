#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/crash/campaign.h"

namespace ovlcheck {
namespace {

struct Tally {
  size_t legal = 0, illegal = 0, errors = 0, skipped = 0;
  std::map<std::string, size_t> found;

  void add(const TrialResult& one) {
    if (one.verdict == TrialVerdict::legal) ++legal, ++found[one.found];
    if (one.verdict == TrialVerdict::illegal) ++illegal;
    if (one.verdict == TrialVerdict::error) ++errors;
    if (one.verdict == TrialVerdict::skipped) ++skipped;
  }
  std::string row() const {
    const auto count = [&](const char* what) {
      const auto one = found.find(what);
      return one == found.end() ? 0 : one->second;
    };
    return fmt::format("{} of {} | {} | {} | {} | {} | {} | {}", legal, legal + illegal, count("old"),
                       count("new"), count("between"), count("refused"), errors, skipped);
  }
};

using Key = std::string (*)(const CampaignRequest&, const Trial&);

std::string table(const char* what, const CampaignRequest& request, const std::vector<TrialResult>& results,
                  Key key) {
  std::map<std::string, Tally> tallies;
  for (const auto& one : results) tallies[key(request, one.trial)].add(one);
  std::string text = fmt::format(
      "\n| {} | legal | old | new | between | refused | errors | not offered "
      "|\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
      what);
  for (const auto& [name, tally] : tallies) text += fmt::format("| `{}` | {} |\n", name, tally.row());
  return text;
}

std::string details(const CampaignRequest& request, const std::vector<TrialResult>& results) {
  std::string text;
  for (const auto& one : results) {
    if (one.verdict != TrialVerdict::illegal && one.verdict != TrialVerdict::error) continue;
    std::string why = one.why;
    std::replace(why.begin(), why.end(), '\n', ' ');
    text += fmt::format("- {} {}: `{}` on `{}@{}/{}`{}, crash {}: {}\n",
                        one.verdict == TrialVerdict::illegal ? "illegal" : "error", one.trial.number,
                        request.scenarios[one.trial.scenario].name(), one.trial.subject,
                        request.machines[one.trial.machine].release, one.trial.fs,
                        one.trial.eager ? ", eager writeback" : "", one.when, why);
  }
  return text.empty() ? "" : "\n## What was not legal\n\n" + text;
}

}  // namespace

std::string campaign_report(const CampaignRequest& request, const std::vector<TrialResult>& results) {
  Tally all;
  for (const auto& one : results) all.add(one);
  std::string text = fmt::format(
      "# Crash campaign\n\nSeed {}, trials {} to {}: **{} of {} states found after a crash are legal**; {} "
      "errors, {} not "
      "offered by the kernel.\n\n"
      "A virtual machine runs the steps of a scenario on a disk whose writes are logged, and is killed. The "
      "disk as it was at "
      "the seeded moment (right after a step, or anywhere) is booted again and mounted: with all writes that "
      "reached it (kept), "
      "none that was not flushed (lost), or some of those by chance (torn). Legal is what POSIX and the "
      "kernel's documentation "
      "promise: every path old or new, copy_up never half, a step that changes several paths all or nothing, "
      "and after fsync or "
      "syncfs new; after a crash, a volatile mount may be refused. Repeat one trial: `ovlcheck crash --seed "
      "{} --first N "
      "--count 1` with the same kernels, subjects and file systems.\n",
      request.seed, request.first, results.empty() ? request.first : results.back().trial.number, all.legal,
      all.legal + all.illegal, all.errors, all.skipped, request.seed);
  text += table("scenario", request, results, [](const CampaignRequest& from, const Trial& trial) {
    return from.scenarios[trial.scenario].name();
  });
  text += table("subject", request, results, [](const CampaignRequest& from, const Trial& trial) {
    return trial.subject + "@" + from.machines[trial.machine].release + "/" + trial.fs;
  });
  text += table("unflushed writes", request, results, [](const CampaignRequest&, const Trial& trial) {
    return std::string(power_loss_name(trial.loss)) + (trial.eager ? ", eager writeback" : "");
  });
  return text + details(request, results);
}

}  // namespace ovlcheck
