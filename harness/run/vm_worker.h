// VmWorker: a worker inside a virtual machine that is booted for it and lives as long as it does.
#pragma once

#include <chrono>
#include <string>

#include "adapters/vm/machine.h"
#include "harness/run/worker_channel.h"

namespace ovlcheck {

// Boots `machine`. The worker's scratch space is a tmpfs, or a fresh disk with `fs` ("ext4", ...); a kernel
// that cannot mount it makes its subject missing. What the kernel logs about itself during a case (WARN,
// lockdep, KASAN) turns that case's outcome into a crash with an excerpt; an oops or a panic ends the machine
// and is the reason of the channel's end. Throws std::runtime_error.
std::unique_ptr<WorkerChannel> start_vm_worker(boost::asio::io_context& context, const Machine& machine,
                                               const std::string& fs, const WorkerOptions& options,
                                               WorkerChannel::OnLine on_line, WorkerChannel::OnEnd on_end);

// Does a worker in `machine` say a word within `limit`? /dev/kvm may be there and yet hang every guest but
// the smallest, so that only a boot of the kernel in question tells.
bool boots(const Machine& machine, std::chrono::seconds limit);

}  // namespace ovlcheck
