#include "harness/fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/case/read.h"
#include "harness/ops/fd.h"
#include "harness/ops/observation.h"
#include "harness/results/results.h"

namespace ovlcheck {
namespace {

// Text to cases: JSON, schema, tables, model; then everything that is done with a good case without running
// it.
void fuzz_cases(std::string_view bytes) {
  try {
    for (const Case& c : read_cases(std::string(bytes), "fuzz.json")) (void)describe(c);
  } catch (const BadCase&) {
  }
}

// A file with that content, for readers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_.get() < 0 || write(fd_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  Fd fd_;
};

void fuzz_results(std::string_view bytes) {
  const MemoryFile file(bytes);
  try {
    (void)summarize(read_results(file.path()));
  } catch (const BadCase&) {
  }
}

void fuzz_events(std::string_view bytes) {
  const MemoryFile file(bytes);
  try {
    (void)read_events(file.path());
  } catch (const BadCase&) {
  }
}

// What a worker says, and what it is told: outcomes, observations, cases.
void fuzz_worker(std::string_view bytes) {
  const Json word = Json::parse(bytes, nullptr, false);
  if (!word.is_object()) return;
  // Their readers promise an exception of some kind.
  try {
    if (word.contains("outcome")) (void)json_from_outcome(outcome_from_json(word["outcome"]));
  } catch (const std::exception&) {
  }
  try {
    if (word.contains("observation")) (void)json_from_observation(observation_from_json(word["observation"]));
  } catch (const std::exception&) {
  }
  try {
    if (word.contains("case")) (void)case_from_json(word["case"], "fuzz", "");
  } catch (const std::exception&) {
  }
}

}  // namespace

const std::map<std::string, FuzzTarget>& fuzz_targets() {
  static const std::map<std::string, FuzzTarget> all = {{"cases", fuzz_cases},   {"results", fuzz_results},
                                                        {"events", fuzz_events}, {"worker", fuzz_worker},
                                                        {"layers", fuzz_layers}, {"requests", fuzz_requests}};
  return all;
}

}  // namespace ovlcheck
