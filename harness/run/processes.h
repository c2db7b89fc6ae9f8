// Processes: who there is, and who descends from whom, as /proc tells it.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

namespace ovlcheck {

struct Process {
  pid_t parent = 0;
  std::string name;
  unsigned long flags = 0;  // PF_..., include/linux/sched.h
};

// Of a folder like "/proc/17"; nothing if the process has ended.
std::optional<Process> read_process(const std::string& folder);

using Processes = std::map<pid_t, Process>;
// All that the /proc mounted at `proc` shows.
Processes all_processes(const std::string& proc);

// Is `process` an ancestor of `pid`, or that itself?
bool descends_from(const Processes& all, pid_t pid, pid_t process);

}  // namespace ovlcheck
