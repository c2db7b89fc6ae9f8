// Talk: a conversation with a crash guest in a virtual machine, one question at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "harness/case/json.h"
#include "harness/run/vm_worker.h"

namespace ovlcheck {

// The machine ended or fell silent before it answered.
struct MachineLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Talk {
 public:
  // Boots; throws MachineLost if that fails. The machine lives as long as this, then it is killed. Only for
  // the thread that made it.
  Talk(const Machine& machine, std::vector<Drive> drives);

  // The answer of the guest. Throws MachineLost, with what the kernel logged against itself, if any.
  Json ask(const Json& question);

 private:
  Json wait();

  boost::asio::io_context context_;
  std::string line_, end_;
  bool answered_ = false, ended_ = false;
  std::unique_ptr<WorkerChannel> channel_;
};

}  // namespace ovlcheck
