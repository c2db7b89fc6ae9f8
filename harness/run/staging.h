// Staging: one mount for all cases of a batch that need none of their own.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "adapters/adapter.h"
#include "harness/ops/fd.h"
#include "harness/run/sandbox.h"
#include "harness/run/stage.h"

namespace ovlcheck {

class Staging {
 public:
  // Both must outlive it.
  Staging(Adapter& adapter, const Sandbox& sandbox);

  // Takes down what was mounted for an earlier batch, builds the layers of these cases in the sandbox's
  // scratch space, and mounts once for all that ask for the same options. What cannot be staged is left out.
  void prepare(const std::vector<Case>& batch);
  // Unmounts everything.
  void clear();
  // The mount that holds the case, nullptr if it has to be mounted by itself.
  const Stage* stage_of(const Case& c) const;
  // The case was run (and has used up its layers), or its mount is of no use any more.
  void done_with(const Case& c);

 private:
  void mount(const std::vector<const Case*>& cases);

  Adapter& adapter_;
  const Sandbox& sandbox_;
  long next_directory_ = 0;
  std::vector<Fd> places_;  // the directories of the stages, which their mounts use to the end
  std::vector<std::shared_ptr<Stage>> stages_;
  std::map<std::string, std::shared_ptr<Stage>> by_case_;
};

}  // namespace ovlcheck
