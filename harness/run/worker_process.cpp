#include "harness/run/worker_process.h"

#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>
#define BOOST_PROCESS_V2_HEADER_ONLY 1
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <cstring>
#include <stdexcept>

namespace ovlcheck {
namespace asio = boost::asio;
namespace process = boost::process::v2;
using boost::system::error_code;

struct WorkerProcess::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, WorkerChannel::OnLine line, WorkerChannel::OnEnd end)
      : to(context), from(context), buffer(64 << 20), on_line(std::move(line)), on_end(std::move(end)) {}

  void read() {
    asio::async_read_until(from, buffer, '\n', [self = shared_from_this()](error_code error, size_t size) {
      self->on_read(error, size);
    });
  }

  void on_read(error_code error, size_t size) {
    if (error) return ended();
    const auto* data = static_cast<const char*>(buffer.data().data());
    const std::string line(data, size - 1);
    buffer.consume(size);
    on_line(line);
    read();
  }

  void write() {
    if (!in_flight.empty() || outgoing.empty()) return;
    std::swap(in_flight, outgoing);
    asio::async_write(to, asio::buffer(in_flight), [self = shared_from_this()](error_code error, size_t) {
      self->in_flight.clear();
      // A broken pipe is noticed by the reading side too, which knows what it means.
      if (error) return self->outgoing.clear();
      self->write();
      if (self->finishing) self->close_input();
    });
  }

  void close_input() {
    error_code ignored;
    if (in_flight.empty() && outgoing.empty()) to.close(ignored);
  }

  void ended() {
    error_code ignored;
    to.close(ignored);
    from.close(ignored);
    if (child && child->is_open()) child->wait(ignored);
    if (on_end) std::exchange(on_end, nullptr)("");
  }

  asio::writable_pipe to;
  asio::readable_pipe from;
  asio::streambuf buffer;
  std::string outgoing, in_flight;  // whole lines
  bool finishing = false;
  WorkerChannel::OnLine on_line;
  WorkerChannel::OnEnd on_end;
  std::unique_ptr<process::process> child;
};

std::vector<std::string> worker_arguments(const WorkerOptions& options) {
  std::vector<std::string> arguments = {"worker",
                                        "--subject",
                                        options.subject,
                                        "--privilege",
                                        privilege_name(options.sandbox.privilege),
                                        "--timeout",
                                        std::to_string(options.step_timeout)};
  if (!options.sandbox.scratch.empty())
    arguments.insert(arguments.end(), {"--scratch", options.sandbox.scratch});
  if (!options.sandbox.scratch_fs.empty())
    arguments.insert(arguments.end(), {"--scratch-fs", options.sandbox.scratch_fs});
  if (!options.sandbox.lower_fs.empty())
    arguments.insert(arguments.end(), {"--lower-fs", options.sandbox.lower_fs});
  if (options.sandbox.disposable) arguments.push_back("--disposable");
  for (const auto& folder : options.sandbox.shown) arguments.insert(arguments.end(), {"--show", folder});
  if (!options.mount_command.empty())
    arguments.insert(arguments.end(), {"--mount-command", options.mount_command});
  if (options.staged) arguments.push_back("--staged");
  if (options.faults) arguments.push_back("--faults");
  if (!options.exchange.empty()) arguments.insert(arguments.end(), {"--exchange", options.exchange});
  if (options.attach) {
    arguments.insert(arguments.end(), {"--attach", options.attach->merged, "--upper", options.attach->upper});
    for (const std::string& lower : options.attach->lowers)
      arguments.insert(arguments.end(), {"--lower", lower});
  }
  return arguments;
}

WorkerProcess::WorkerProcess(asio::io_context& context, const std::string& program,
                             const std::vector<std::string>& arguments, OnLine on_line, OnEnd on_end)
    : state_(std::make_shared<State>(context, std::move(on_line), std::move(on_end))) {
  // A worker that ends while it is written to (a step took too long) must not take this process along:
  // write() fails with EPIPE then. Programs of cases get the signal back (harness/ops/child.cpp).
  (void)signal(SIGPIPE, SIG_IGN);
  error_code error;
  auto child = process::default_process_launcher()(context.get_executor(), error, program, arguments,
                                                   process::process_stdio{state_->to, state_->from, {}});
  if (error) throw std::runtime_error("cannot start a worker (" + program + "): " + error.message());
  state_->child = std::make_unique<process::process>(std::move(child));
  state_->read();
}

WorkerProcess::~WorkerProcess() {
  state_->on_line = [](const std::string&) {};
  state_->on_end = nullptr;
  kill();
  // It looks after what is to be removed; it has nothing to wait for.
  error_code ignored;
  if (state_->child && state_->child->is_open()) state_->child->wait(ignored);
}

void WorkerProcess::send(const std::string& line) {
  state_->outgoing += line;
  state_->outgoing += '\n';
  // After all handlers that are ready now: lines that come together are written together.
  asio::post(state_->to.get_executor(), [state = state_] { state->write(); });
}

void WorkerProcess::finish() {
  state_->finishing = true;
  state_->close_input();
}

void WorkerProcess::kill() {
  error_code ignored;
  if (state_->child && state_->child->is_open()) state_->child->request_exit(ignored);
  state_->to.close(ignored);
}

}  // namespace ovlcheck
