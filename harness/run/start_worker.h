// start_worker: a worker for one subject of a request, where that subject wants it.
#pragma once

#include "harness/run/pool.h"

namespace ovlcheck {

// Throws std::runtime_error if it cannot be started.
std::unique_ptr<WorkerChannel> start_worker(boost::asio::io_context& context, const PoolRequest& request,
                                            const SubjectRequest& subject, WorkerChannel::OnLine on_line,
                                            WorkerChannel::OnEnd on_end);

}  // namespace ovlcheck
