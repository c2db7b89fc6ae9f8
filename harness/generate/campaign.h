// Campaign: generated sequences run on two or more subjects in worker processes, deviations shrunk into
// cases, all of it stored in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "harness/case/json.h"
#include "harness/generate/known.h"
#include "harness/generate/lanes.h"
#include "harness/run/sandbox.h"

namespace ovlcheck::generate {

struct CampaignRequest {
  std::string subject;                  // "userlay", "kernel:index=on"
  std::vector<std::string> references;  // at least one
  std::vector<Known> known;             // of each party (arena.h); empty = nothing is known
  SandboxRequest sandbox;
  size_t chunks = 1;  // pieces of the work, each done by one worker
  std::function<std::unique_ptr<Source>(size_t chunk, const Environment&)> source;
  std::string work;         // what the chunks are, e.g. "exhaust --depth 2"; only the same can be resumed
  unsigned jobs = 1;        // worker processes
  double seconds = 0;       // no new work after that long, 0 = until done
  bool first_only = false;  // end with the first finding
  bool resume = false;      // go on with the campaign in `folder`
  std::filesystem::path folder;
};

// Counts of a worker, or of all.
struct CampaignCounts {
  uint64_t sequences = 0, steps = 0, nodes = 0, states = 0, digest = 0;
  // All workers together, without shrinking: wall clock, and processor time (not that of a subject's own
  // process).
  double seconds = 0, processor_seconds = 0;
  std::map<std::string, uint64_t> outcomes;    // "rename EXDEV" -> count
  std::map<std::string, uint64_t> deviations;  // first signature -> sequences
  std::map<std::string, uint64_t> known;       // why a listed deviation is as it is -> sequences
  void add(const CampaignCounts& other);
};

// What had been met by then.
struct Milestone {
  double seconds = 0;  // since the start, interruptions left out
  uint64_t steps = 0, states = 0, outcomes = 0, cells = 0;
};

struct CampaignResult {
  CampaignCounts counts;
  std::set<uint64_t> cells;  // operation, state and errno (lanes.h)
  std::vector<Milestone> milestones;
  // Signature -> {"case", "trouble", "from" (signature of the sequence), "about" (who deviates), "right"
  // (from whom)}.
  std::map<std::string, Json> findings;
  std::vector<std::string> broken;  // workers that could not go on, in words
  std::set<size_t> done;            // chunks
};

// The names of all parties by number (arena.h).
std::vector<std::string> parties_of(const CampaignRequest& request);

// Runs it and writes `findings.json` (a file of cases), `campaign.json` (counts), and in the end `report.md`
// with `coverage.svg` into the folder. `on_progress` is called now and then. Throws std::runtime_error if no
// worker could start.
CampaignResult run_campaign(const CampaignRequest& request,
                            const std::function<void(const CampaignResult&)>& on_progress);

}  // namespace ovlcheck::generate
