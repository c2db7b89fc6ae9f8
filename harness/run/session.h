// Session: runs single cases on one subject, one after the other, with a worker that is kept in between.
#pragma once

#include <memory>

#include "harness/case/case.h"
#include "harness/judge/outcome.h"
#include "harness/run/pool.h"

namespace ovlcheck {

class Session {
 public:
  // Of `request`, only what concerns workers is used; the cases are given to run(). Starts its worker with
  // the first case.
  Session(const PoolRequest& request, SubjectRequest subject);
  ~Session();

  // Never throws for what a subject does: a worker that dies is replaced with the next case.
  Outcome run(const Case& c);

 private:
  PoolRequest request_;
  struct Conversation;
  std::unique_ptr<Conversation> conversation_;
};

}  // namespace ovlcheck
