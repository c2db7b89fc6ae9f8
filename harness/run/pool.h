// Pool: runs every case on every subject with a bounded number of workers and hands out what they say.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/ops/observation.h"
#include "harness/results/results.h"
#include "harness/run/sandbox.h"
#include "harness/run/worker_channel.h"

namespace ovlcheck {

// One subject as asked for on the command line.
struct SubjectRequest {
  std::string name;           // "kernel:index=on"
  std::string mount_command;  // for a subject without a descriptor; "" none
  std::string inside;         // its name as its workers know it, where that is another; "" = `name`
  std::optional<SandboxRequest> sandbox;  // instead of the one that all subjects share
  OpenChannel open;                       // starts its workers elsewhere; empty = child processes
};

struct PoolRequest {
  std::string program;  // path of ovlcheck itself, started again as workers
  std::vector<SubjectRequest> subjects;
  std::vector<Case> cases;
  unsigned jobs = 1;         // workers at a time, over all subjects
  unsigned repeat = 1;       // how often each case is run on each subject
  double step_timeout = 10;  // seconds
  SandboxRequest sandbox;
  bool staged = false;  // workers mount once for all cases they have in hand, where cases allow it
  std::optional<AttachRequest> attach;  // run where somebody else has mounted; for one subject only
  std::string exchange;  // judge by how this subject reads the layers that are left; "" = by expectations
  bool observe = false;  // hand out observations as well
  std::set<std::pair<std::string, std::string>> done;  // subject and case that need not be run (repeat is 1)
};

struct PoolEvents {
  // Once per subject, before its first outcome.
  std::function<void(const SubjectInfo&)> on_subject;
  // Exactly once per subject, case and repetition, unless interrupted. `observation` only if asked for and
  // the worker lived.
  std::function<void(const Outcome&, const Case&, std::optional<Observation> observation)> on_outcome;
};

// Returns false if interrupted by SIGINT, SIGTERM or SIGHUP: then all workers are gone and the outcomes so
// far were handed out. Cases of a subject that cannot run here are skips with its reason. A worker that dies
// takes only the case it was at with it. Throws std::runtime_error if no worker can be started at all.
bool run_pool(const PoolRequest& request, const PoolEvents& events);

}  // namespace ovlcheck
