// WorkerChannel: the parent's side of one worker, wherever that worker lives.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "harness/run/worker.h"

namespace ovlcheck {

class WorkerChannel {
 public:
  // Both are called from the io_context: every line the worker writes (without the newline), and once, last
  // of all, its end with what is known about an untimely one.
  using OnLine = std::function<void(const std::string& line)>;
  using OnEnd = std::function<void(const std::string& why)>;

  virtual ~WorkerChannel() = default;  // kills it if it still runs
  // Queues a line (without newline). Lines to a worker that has ended are dropped.
  virtual void send(const std::string& line) = 0;
  // No more lines: the worker ends when it has answered them all.
  virtual void finish() = 0;
  // At once, with everything in its namespaces.
  virtual void kill() = 0;
};

// Starts a worker. Throws std::runtime_error if that fails.
using OpenChannel = std::function<std::unique_ptr<WorkerChannel>(
    boost::asio::io_context&, const WorkerOptions&, WorkerChannel::OnLine, WorkerChannel::OnEnd)>;

}  // namespace ovlcheck
