// WorkerProcess: a worker that is a child process, or any other program that speaks lines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/run/worker_channel.h"

namespace ovlcheck {

// The arguments of `ovlcheck` that make it a worker.
std::vector<std::string> worker_arguments(const WorkerOptions& options);

class WorkerProcess : public WorkerChannel {
 public:
  // Starts `program` (a path) with `arguments`. Throws std::runtime_error if that fails. The end never has a
  // reason.
  WorkerProcess(boost::asio::io_context& context, const std::string& program,
                const std::vector<std::string>& arguments, OnLine on_line, OnEnd on_end);
  ~WorkerProcess() override;

  void send(const std::string& line) override;
  void finish() override;
  void kill() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ovlcheck
