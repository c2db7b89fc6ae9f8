#include "harness/run/floor.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "harness/ops/fd.h"
#include "harness/ops/figures.h"
#include "harness/run/forked_process.h"
#include "harness/run/pool.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTurns = 5;

// The step list a worker gets and what the bare loop does are the same.
const char* const kTrivialCase =
    R"({"id": "trivial", "title": "Create, write and remove a file", "clauses": ["READ-1"],
  "steps": [{"open": "f", "flags": "O_CREAT|O_RDWR", "as": "fd"}, {"write": "fd", "data": "hi"}, {"close": "fd"}, {"unlink": "f"}],
  "after": {"merged": {}, "upper": {}}})";

bool bare_round(int scratch, unsigned number, const char* options) {
  const std::string name = "bare" + std::to_string(number);
  if (mkdirat(scratch, name.c_str(), 0755) != 0) return false;
  Fd directory(openat(scratch, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || fchdir(directory.get()) != 0) return false;
  for (const char* layer : {"lower0", "upper", "work", "merged"})
    if (mkdir(layer, 0755) != 0) return false;
  if (mount("ovlcheck", "merged", "overlay", 0, options) != 0) return false;
  const int file = open("merged/f", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (file < 0 || write(file, "hi", 2) != 2 || close(file) != 0 || unlink("merged/f") != 0) return false;
  return umount2("merged", 0) == 0;
}

// Microseconds per round, measured in a sandbox of its own (a child process: entering one is for ever).
double bare_loop(unsigned rounds) {
  double seconds = 0;
  ForkedProcess process([rounds](int out) {
    Sandbox sandbox({});
    const char* options = sandbox.environment().privilege == "root"
                              ? "lowerdir=lower0,upperdir=upper,workdir=work"
                              : "lowerdir=lower0,upperdir=upper,workdir=work,userxattr";
    const auto start = Clock::now();
    for (unsigned i = 0; i < rounds; ++i)
      if (!bare_round(sandbox.directory(), i, options)) return 1;
    tell(out, {{"seconds", std::chrono::duration<double>(Clock::now() - start).count()}});
    return 0;
  });
  while (process.read([&](const Json& word) { seconds = word.at("seconds").get<double>(); })) {
  }
  if (!process.wait().empty())
    throw std::runtime_error("the bare loop cannot mount overlayfs here (see ovlcheck doctor)");
  return seconds / rounds * 1e6;
}

// Microseconds per case, from the first worker's greeting: starting them is not what is measured.
double pool_time(PoolRequest request, unsigned jobs) {
  request.jobs = jobs;
  request.repeat *= jobs;
  Clock::time_point first;
  PoolEvents events;
  events.on_subject = [&](const SubjectInfo&) { first = Clock::now(); };
  events.on_outcome = [](const Outcome& outcome, const Case&, const std::optional<Observation>&) {
    if (outcome.verdict != Verdict::pass)
      throw std::runtime_error("the trivial case does not pass: " + outcome.reason);
  };
  if (!run_pool(request, events)) throw std::runtime_error("interrupted");
  return std::chrono::duration<double>(Clock::now() - first).count() / request.repeat * 1e6;
}

}  // namespace

Floor measure_floor(const std::string& program, unsigned runs) {
  PoolRequest request;
  request.program = program;
  request.subjects = {{"kernel", ""}};
  request.cases = {case_from_json(Json::parse(kTrivialCase), "floor", "")};
  request.repeat = std::max(1u, runs / kTurns);
  const bool two = std::thread::hardware_concurrency() > 1;
  std::vector<double> bare, harness, two_jobs;
  for (int turn = 0; turn < kTurns; ++turn) {
    bare.push_back(bare_loop(request.repeat));
    harness.push_back(pool_time(request, 1));
    if (two) two_jobs.push_back(pool_time(request, 2));
  }
  return {median(bare), median(harness), measure_floor_parts(request.cases.front(), request.repeat),
          two ? median(two_jobs) : 0};
}

}  // namespace ovlcheck
