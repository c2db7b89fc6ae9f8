#include "harness/run/worker_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

namespace ovlcheck {
namespace {

// As one does because a step took too long, while the next requests are on their way.
TEST(WorkerProcess, OneThatEndsWhileItIsWrittenToEndsNobodyElse) {
  (void)signal(SIGPIPE, SIG_DFL);
  boost::asio::io_context context;
  bool ended = false;
  // Like a worker, it keeps nothing that it inherits.
  const char* const ending =
      "sleep 0.1; for fd in {3..63}; do eval \"exec $fd<&-\"; done; exec <&-; sleep 0.2";
  WorkerProcess worker(
      context, "/bin/bash", {"-c", ending}, [](const std::string&) {},
      [&](const std::string&) { ended = true; });
  worker.send(std::string(1 << 20, 'x'));  // more than a pipe holds
  context.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace ovlcheck
