// VmWorker: a worker inside a virtual machine that is booted for it and lives as long as it does.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "adapters/vm/machine.h"
#include "harness/run/kernel_counters.h"
#include "harness/run/worker_channel.h"

namespace ovlcheck {

// What runs in a virtual machine instead of a worker, and on which disks.
struct VmProgram {
  std::vector<std::string> arguments;  // of /bin/ovlcheck; its first line must have the member "hello"
  std::string fs;                      // to mount the first drive with on /disk; "" = do not
  std::vector<Drive> drives;           // must outlive the machine, unless
  std::shared_ptr<MemoryFile> owned;   // keeps it
  // Takes what the kernel counts of its own code, before the line it belongs to; empty = it need not count.
  // What it throws ends the machine, as its reason.
  std::function<void(const Json& counts, const Json& line)> on_counts;
  bool faults = false;  // its kernel shall refuse memory to threads that ask for it
};

// Boots `machine` and runs `program`, which answers one line with one line. Throws std::runtime_error.
std::unique_ptr<WorkerChannel> start_vm_program(boost::asio::io_context& context, const Machine& machine,
                                                VmProgram program, WorkerChannel::OnLine on_line,
                                                WorkerChannel::OnEnd on_end);

// Where the counters of a worker's cases go, and as whose; null = it need not count.
struct CountedRun {
  std::shared_ptr<KernelCounters> counters;
  std::string subject;
};

// Boots `machine`. The worker's scratch space is a tmpfs, or a fresh disk with `fs` ("ext4", ...); a kernel
// that cannot mount it makes its subject missing. What the kernel logs about itself during a case (WARN,
// lockdep, KASAN) turns that case's outcome into a crash with an excerpt; an oops or a panic ends the machine
// and is the reason of the channel's end. Throws std::runtime_error.
std::unique_ptr<WorkerChannel> start_vm_worker(boost::asio::io_context& context, const Machine& machine,
                                               const std::string& fs, const WorkerOptions& options,
                                               WorkerChannel::OnLine on_line, WorkerChannel::OnEnd on_end,
                                               CountedRun counted = {});

// Does a worker in `machine` say a word within `limit`? /dev/kvm may be there and yet hang every guest but
// the smallest, so that only a boot of the kernel in question tells.
bool boots(const Machine& machine, std::chrono::seconds limit);

}  // namespace ovlcheck
