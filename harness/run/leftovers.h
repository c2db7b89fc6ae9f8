// Leftovers: for tests - what a run left behind on this machine: processes and mounts.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "harness/run/processes.h"

namespace ovlcheck {

class Leftovers {
 public:
  // What is there now. From now on orphans become children of this process, so that none can hide.
  static Leftovers now() {
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    Leftovers all;
    all.processes_ = descendants();
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) all.mounts_.insert(line);
    return all;
  }

  // What there is more than before, in words; "" if there is nothing more, at latest after `limit`.
  std::string difference(std::chrono::milliseconds limit) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      const std::string words = more_than(*this, now());
      if (words.empty() || std::chrono::steady_clock::now() > deadline) return words;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  static std::string more_than(const Leftovers& before, const Leftovers& after) {
    std::string words;
    for (const auto& [pid, name] : after.processes_)
      if (!before.processes_.contains(pid)) words += "process " + std::to_string(pid) + " " + name + "\n";
    for (const auto& mount : after.mounts_)
      if (!before.mounts_.contains(mount)) words += "mount " + mount + "\n";
    return words;
  }

  static std::map<int, std::string> descendants() {
    const auto all = all_processes("/proc");
    std::map<int, std::string> own;
    for (const auto& [pid, process] : all)
      if (pid != getpid() && descends_from(all, pid, getpid())) own[pid] = process.name;
    return own;
  }

  std::map<int, std::string> processes_;
  std::set<std::string> mounts_;
};

}  // namespace ovlcheck
