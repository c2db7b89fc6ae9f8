#include "harness/run/floor.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "harness/ops/fd.h"
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
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    try {
      Sandbox sandbox({});
      const char* options = sandbox.environment().privilege == "root"
                                ? "lowerdir=lower0,upperdir=upper,workdir=work"
                                : "lowerdir=lower0,upperdir=upper,workdir=work,userxattr";
      const auto start = Clock::now();
      bool good = true;
      for (unsigned i = 0; good && i < rounds; ++i) good = bare_round(sandbox.directory(), i, options);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (good && write(writer.get(), &seconds, sizeof seconds) == sizeof seconds) _exit(0);
    } catch (const std::exception&) {
    }
    _exit(1);
  }
  writer.reset();
  double seconds = 0;
  const bool got = read(reader.get(), &seconds, sizeof seconds) == sizeof seconds;
  if (waitpid(child, nullptr, 0) != child || !got)
    throw std::runtime_error("the bare loop cannot mount overlayfs here (see ovlcheck doctor)");
  return seconds / rounds * 1e6;
}

double median(std::array<double, kTurns> values) {
  std::sort(values.begin(), values.end());
  return values[kTurns / 2];
}

}  // namespace

Floor measure_floor(const std::string& program, unsigned runs) {
  PoolRequest request;
  request.program = program;
  request.subjects = {{"kernel", ""}};
  request.cases = {case_from_json(Json::parse(kTrivialCase), "floor", "")};
  request.repeat = std::max(1u, runs / kTurns);
  std::array<double, kTurns> bare{}, harness{};
  for (int turn = 0; turn < kTurns; ++turn) {
    bare[turn] = bare_loop(request.repeat);
    Clock::time_point first;  // from the worker's greeting: starting it is not what is measured
    PoolEvents events;
    events.on_subject = [&](const SubjectInfo&) { first = Clock::now(); };
    events.on_outcome = [](const Outcome& outcome, const Case&, const std::optional<Observation>&) {
      if (outcome.verdict != Verdict::pass)
        throw std::runtime_error("the trivial case does not pass: " + outcome.reason);
    };
    if (!run_pool(request, events)) throw std::runtime_error("interrupted");
    harness[turn] = std::chrono::duration<double>(Clock::now() - first).count() / request.repeat * 1e6;
  }
  return {median(bare), median(harness)};
}

}  // namespace ovlcheck
