// Daemon: a program that serves a mount, from its start to its end, also if it goes to the background.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "harness/ops/fd.h"

namespace ovlcheck {

// How a process ended: "ended by signal 11", "ended with exit status 1".
std::string describe_end(int wait_status);

// The path of a program, "" if there is none: one that came with this one (in the same folder), else as
// execvp(3) finds it.
std::string find_program(const std::string& name);

// Not thread-safe.
class Daemon {
 public:
  // Starts `argv` with `environment` added to this process's, from /, with nothing to read, its output kept.
  // Fails with a message.
  static tl::expected<std::unique_ptr<Daemon>, std::string> start(
      const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment);
  // Kills whatever still runs; waits a limited time for it.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Becomes readable (poll) when the process ends that stands for the program now.
  int pidfd() const { return pidfd_.get(); }
  // Has that process ended? Cheap, and true until wait() has looked for a process in the background.
  bool has_ended();
  // Waits up to `limit` for that process; true if it has ended. If it was only the parent of a process in the
  // background, that one stands for the program from then on, and is waited for too. Reads /proc.
  bool wait(std::chrono::milliseconds limit);
  // Its wait status after wait() said true; nothing if it was not told (not a child of this process).
  std::optional<int> status() const { return status_; }
  // Sends SIGKILL.
  void kill();

  // What it wrote to stdout and stderr from byte `from` on; only the first 64 KiB are kept.
  std::string said(size_t from = 0) const;

 private:
  Daemon(int pid, Fd pidfd, Fd output, std::string token);
  bool ends_within(std::chrono::milliseconds limit);
  bool follow();

  int pid_;
  Fd pidfd_;
  Fd output_;
  std::string token_;  // in the environment of the program and all it starts
  bool ended_ = false;
  bool followed_ = false;  // has looked for a process in the background
  std::optional<int> status_;
};

}  // namespace ovlcheck
