// Executor: runs the plain steps of a case (everything but mounting) against a Vfs and records what happened.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "harness/case/case.h"
#include "harness/ops/observation.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// File handles by the names a case has given them.
using NamedHandles = std::map<std::string, FileHandle>;

// Holds the names a case has given to descriptors, mappings and results. One per mounted tree; descriptors
// die with it (call forget() before an unmount).
class Executor {
 public:
  // `actors` and `vfs` must outlive it. `handles`: those that were taken from earlier mounts of the tree.
  Executor(Vfs& vfs, const std::map<std::string, Actor>& actors, NamedHandles handles = {});
  ~Executor();

  // Runs one step; what a file system does never throws, a wrong case (an unknown name) throws BadCase.
  // `parallel` runs its tracks on threads of their own, with barriers.
  StepResult run(const Step& step);
  // Closes all descriptors and mappings, forgets the actors' views.
  void forget();
  // All file handles named so far: they outlive a mount.
  NamedHandles handles() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ovlcheck
