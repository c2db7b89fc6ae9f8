#include "harness/results/compare.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/results/bench.h"

namespace ovlcheck {
namespace {

void print_text(const std::vector<Difference>& differences) {
  for (const auto& difference : differences)
    fmt::print("{:<10} {} on {}: {} -> {}\n", change_name(difference.change), difference.case_name,
               difference.subject, difference.before.empty() ? "nothing" : difference.before,
               difference.after.empty() ? "nothing" : difference.after);
}

void print_markdown(const std::vector<Difference>& differences) {
  if (differences.empty()) return;
  fmt::print("| change | case | subject | before | after |\n|---|---|---|---|---|\n");
  for (const auto& difference : differences)
    fmt::print("| {} | `{}` | {} | {} | {} |\n", change_name(difference.change), difference.case_name,
               difference.subject, difference.before, difference.after);
  fmt::print("\n");
}

// Two folders of `bench claims`. Time is not judged: more than the tolerance slower is shown, and is no
// error.
int compare_measurements(const Bench& earlier, const Bench& later) {
  constexpr double kTolerance = 0.25;
  const auto changes = compare_bench(earlier, later, kTolerance);
  for (const auto& change : changes)
    fmt::print("{:<8} {} {} at {}: {:.2f} times as long\n", change.ratio > 1 ? "slower" : "faster",
               change.chart, change.subject, change.place, change.ratio);
  fmt::print("{} of the figures, relative to the kernel's, changed by more than a quarter\n", changes.size());
  return kAsExpected;
}

}  // namespace

void add_compare(CLI::App& app, int& status) {
  auto runs = std::make_shared<std::vector<std::string>>();
  auto markdown = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("compare", "Say what changed from one stored run to another");
  command->add_option("runs", *runs, "The earlier and the later run")
      ->required()
      ->expected(2)
      ->type_name("RUN");
  command->add_flag("--markdown", *markdown, "As a comment for a pull request");
  command->callback([runs, markdown, &status] {
    if (holds_bench(runs->at(0)) && holds_bench(runs->at(1))) {
      status = compare_measurements(read_bench(runs->at(0)), read_bench(runs->at(1)));
      return;
    }
    const Run earlier = read_results(runs->at(0)), later = read_results(runs->at(1));
    const auto differences = compare_runs(earlier, later);
    *markdown ? print_markdown(differences) : print_text(differences);
    std::map<Change, size_t> counts;
    for (const auto& difference : differences) ++counts[difference.change];
    std::string line;
    for (const auto& [change, count] : counts)
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, change_name(change));
    fmt::print("{}\n", line.empty() ? "no change" : line);
    status = has_regressions(differences) ? kDeviations : kAsExpected;
  });
}

}  // namespace ovlcheck
