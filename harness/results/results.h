// Results: what a run leaves behind - the data model of a run folder and how it is written and read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/ops/fd.h"

namespace ovlcheck {

struct HostInfo {
  std::string kernel;   // uname -r
  std::string machine;  // uname -m
  unsigned cpus = 0;
  std::string date;  // of the start, UTC: "2024-05-01T12:00:00Z"
  bool operator==(const HostInfo&) const = default;
};

// This host, now.
HostInfo host_info();

// What was planned to run on every subject; the denominator of all counts.
struct SuiteInfo {
  std::string revision;  // hash over all cases, 16 hex digits
  size_t cases = 0;
  std::map<std::string, size_t> groups;  // group -> number of cases
  bool operator==(const SuiteInfo&) const = default;
};

SuiteInfo suite_info(const std::vector<Case>& cases);

struct SubjectInfo {
  std::string name;     // "kernel:redirect_dir=on"
  std::string version;  // as the subject reports it, "" unknown
  std::string privilege;
  std::string fs;       // of the scratch
  std::string missing;  // why it could not run here at all, "" = it could
  bool operator==(const SubjectInfo&) const = default;
};

struct Run {
  HostInfo host;
  SuiteInfo suite;
  std::vector<SubjectInfo> subjects;
  std::vector<Outcome> outcomes;
};

// Subject -> verdict -> count. Every subject has every verdict.
using Summary = std::map<std::string, std::map<Verdict, size_t>>;
Summary summarize(const Run& run);

// events.jsonl: one outcome per line. What append() has returned from survives a kill of the process.
class EventLog {
 public:
  // Starts an empty log, or goes on with the one that is there. Throws std::system_error.
  explicit EventLog(const std::filesystem::path& path, bool go_on = false);
  // One write(2) per outcome. Throws std::system_error.
  void append(const Outcome& outcome);

 private:
  std::filesystem::path path_;
  Fd fd_;
};

// Outcomes of an event log. A last line that was torn by a kill is left out. Throws BadCase (with file and
// line) on any other bad line, std::system_error if the file cannot be read.
std::vector<Outcome> read_events(const std::filesystem::path& path);

// results.json, replaced atomically (temporary file beside it, rename). Throws std::system_error.
void write_results(const std::filesystem::path& path, const Run& run);

// Reads a results.json, or the one in the run folder `path`. Throws BadCase (with file, JSON pointer and
// line) on bad content, std::system_error if the file cannot be read.
Run read_results(const std::filesystem::path& path);

}  // namespace ovlcheck
