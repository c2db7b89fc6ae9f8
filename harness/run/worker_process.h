// WorkerProcess: the parent's side of one worker - starting it, talking to it, noticing its end.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "harness/run/worker.h"

namespace ovlcheck {

class WorkerProcess {
 public:
  // Called from the io_context: every line the worker writes (without the newline), and once, last of all,
  // its end.
  using OnLine = std::function<void(const std::string& line)>;
  using OnEnd = std::function<void()>;

  // Starts `program worker ...`. Throws std::runtime_error if that fails.
  WorkerProcess(boost::asio::io_context& context, const std::string& program, const WorkerOptions& options,
                OnLine on_line, OnEnd on_end);
  // Kills it if it still runs.
  ~WorkerProcess();

  // Queues a line (without newline). Lines to a worker that has ended are dropped.
  void send(const std::string& line);
  // No more lines: the worker ends when it has answered them all.
  void finish();
  // At once, with everything in its namespaces.
  void kill();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ovlcheck
