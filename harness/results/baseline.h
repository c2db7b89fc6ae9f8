// Baseline: the deviations of one subject that are known, with their reasons
// (results/expectations/SUBJECT.json).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/judge/outcome.h"
#include "harness/results/results.h"

namespace ovlcheck {

struct BaselineEntry {
  std::vector<std::string> cases;  // names or patterns (see harness/case/pattern.h)
  Verdict verdict = Verdict::fail;
  std::string reason;         // one sentence; required
  std::string link;           // to the upstream report, "" none
  std::string versions = {};  // of the subject, e.g. ">=1.10 <1.14"; "" all
  std::string fs = {};        // what SubjectInfo::fs contains, e.g. "lowers tmpfs"; "" any
};

struct Baseline {
  std::string subject;
  std::vector<BaselineEntry> entries;
};

// Throws BadCase with file, pointer and line.
Baseline read_baseline(const std::filesystem::path& file);
// Replaces the file atomically; throws std::system_error.
void write_baseline(const std::filesystem::path& file, const Baseline& baseline);

// The file of a subject in a folder of baselines: the one of its full name, else of its kind ("kernel" for
// "kernel:index=on" and "kernel@6.1.0/tmpfs"); "" if there is none.
std::filesystem::path baseline_file(const std::filesystem::path& folder, const std::string& subject);

// Sets `listed` of an outcome that the baseline speaks of: one that deviates as listed, or one that passes.
// Of the subject's version ("fuse-overlayfs 1.10") the last word counts.
void apply(const Baseline& baseline, const SubjectInfo& subject, Outcome& outcome);

// The baseline with entries for all deviations of `run`'s subject that it does not list yet, one per verdict,
// all for `reason`. Returns how many cases were added.
size_t accept(Baseline& baseline, const Run& run, const std::string& subject, const std::string& reason,
              const std::string& link, const std::vector<std::string>& patterns);

}  // namespace ovlcheck
