// CaseRun: the life of one case on one subject - layers, mount, steps, snapshots, unmount.
#pragma once

#include "adapters/adapter.h"
#include "harness/case/case.h"
#include "harness/ops/observation.h"
#include "harness/run/progress.h"
#include "harness/run/sandbox.h"
#include "harness/run/stage.h"

namespace ovlcheck {

// Who mounts the layers after the subject (`run --exchange`).
struct Exchange {
  std::string name;  // as given by the user
  std::string kind;
  Adapter& adapter;  // with the subject's options
};

// Runs `c` in a fresh directory of the sandbox's scratch space. Whatever the subject does becomes part of the
// observation; throws only if the worker itself is broken. Leaves nothing mounted; the directory's content
// stays for Sandbox::renew(). With a `stage` the case runs in its directory there, once, instead of on layers
// and a mount of its own. With an `exchange` the layers that are left are mounted twice more, and looked at.
Observation run_case(const Case& c, Adapter& adapter, const std::string& subject_kind, const Sandbox& sandbox,
                     Progress& progress, const Stage* stage = nullptr, const Exchange* exchange = nullptr);

}  // namespace ovlcheck
