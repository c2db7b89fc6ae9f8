#include "harness/cli/execute.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "harness/cli/commands.h"
#include "harness/report/terminal.h"
#include "harness/results/flakes.h"

namespace ovlcheck {
namespace {

// One line that is written over and over, on a terminal only: logs stay clean.
class ProgressLine {
 public:
  explicit ProgressLine(size_t total) : total_(total), shown_(isatty(STDERR_FILENO)) {}
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

  void count(const Outcome& outcome) {
    ++done_;
    if (outcome.verdict != Verdict::pass && outcome.verdict != Verdict::skip) ++deviating_;
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || (now - last_ < std::chrono::milliseconds(50) && done_ < total_)) return;
    last_ = now;
    fmt::print(stderr, "\r\033[K{}/{} done, {} deviating  {:.40}", done_, total_, deviating_,
               outcome.subject + " " + outcome.case_name);
  }

 private:
  size_t total_, done_ = 0, deviating_ = 0;
  bool shown_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace

void ExecuteOptions::add_options(CLI::App& command, const std::string& jobs_help) {
  command.add_option("--jobs", jobs, jobs_help)->type_name("N");
  command.add_option("--timeout", timeout, "Seconds a step may take")
      ->capture_default_str()
      ->type_name("SECONDS");
  command
      .add_option("--expectations", baselines,
                  "Folder of known deviations instead of the one that comes with the program")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command.add_flag("--no-expectations", no_baselines, "Count known deviations like all others");
  command.add_flag("--strict", strict, "A known deviation that passes now is a deviation too");
  command.add_flag("--resume", resume, "Go on with the run in the output folder that was interrupted");
  command.add_option("--output", output, "Folder for events.jsonl and results.json")
      ->capture_default_str()
      ->type_name("DIR");
}

void ExecuteOptions::apply(SuiteRequest& request) const {
  request.folder = output;
  request.resume = resume;
  if (!no_baselines)
    request.baselines = baselines.empty() ? shipped_folder("results/expectations") : baselines;
  request.pool.jobs = jobs ? jobs : std::max(1u, std::thread::hardware_concurrency());
  request.pool.step_timeout = timeout;
}

int execute(SuiteRequest request, bool strict) {
  const size_t total = request.pool.cases.size() * request.pool.subjects.size() * request.pool.repeat;
  const std::string folder = request.folder.string();
  SuiteResult result;
  {
    ProgressLine progress(total);
    request.on_outcome = [&](const Outcome& outcome) { progress.count(outcome); };
    result = run_suite(std::move(request));
  }
  fmt::print("{}", terminal_report(result.run, style_of_stdout()));
  fmt::print("{} of {} outcomes in {:.1f} s ({:.0f} checked operations per second), stored in {}\n",
             result.run.outcomes.size(), total, result.seconds,
             static_cast<double>(result.operations) / std::max(result.seconds, 1e-3), folder);
  const auto changed = flakes(result.run.outcomes);
  for (const auto& flake : changed) fmt::print("changed its mind: {}\n", describe(flake));
  if (!result.complete) {
    fmt::print(stderr, "ovlcheck: interrupted; what was done is stored\n");
    return kBroken;
  }
  return as_expected(result.run, strict) && changed.empty() ? kAsExpected : kDeviations;
}

TerminalStyle style_of_stdout() {
  TerminalStyle style;
  const char* no_color = std::getenv("NO_COLOR");
  const bool terminal = isatty(STDOUT_FILENO);
  style.colours = terminal && (!no_color || !*no_color);
  winsize size{};
  if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
    style.columns = size.ws_col;
  return style;
}

}  // namespace ovlcheck
