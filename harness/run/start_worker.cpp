#include "harness/run/start_worker.h"

#include "harness/run/worker_process.h"

namespace ovlcheck {

std::unique_ptr<WorkerChannel> start_worker(boost::asio::io_context& context, const PoolRequest& request,
                                            const SubjectRequest& subject, WorkerChannel::OnLine on_line,
                                            WorkerChannel::OnEnd on_end) {
  WorkerOptions options;
  options.subject = subject.inside.empty() ? subject.name : subject.inside;
  options.mount_command = subject.mount_command;
  options.sandbox = subject.sandbox.value_or(request.sandbox);
  options.step_timeout = request.step_timeout;
  options.staged = request.staged;
  options.attach = request.attach;
  options.exchange = request.exchange;
  if (subject.open) return subject.open(context, options, std::move(on_line), std::move(on_end));
  return std::make_unique<WorkerProcess>(context, request.program, worker_arguments(options),
                                         std::move(on_line), std::move(on_end));
}

}  // namespace ovlcheck
