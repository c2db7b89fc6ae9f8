#include "harness/report/coverage.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>

#include "harness/cli/commands.h"
#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

struct CoverageOptions {
  CaseSelection selection;
  std::vector<std::string> runs;
};

// Only what the kernel was seen to do in one of the runs.
void keep_passed(std::vector<Case>& cases, const Run& run) {
  std::set<std::string> passed;
  for (const Outcome& outcome : run.outcomes)
    if (outcome.verdict == Verdict::pass && outcome.subject.starts_with("kernel"))
      passed.insert(outcome.case_name);
  if (passed.empty()) throw std::invalid_argument("in none of these runs did a case pass on the kernel");
  std::erase_if(cases, [&](const Case& c) { return !passed.contains(c.name()); });
}

int coverage(const CoverageOptions& options) {
  std::vector<Case> cases = options.selection.load();
  if (!options.runs.empty()) keep_passed(cases, load_runs(options.runs).run);
  const std::filesystem::path folder =
      options.selection.paths.empty() ? shipped_folder("cases") : options.selection.paths.front();
  const auto errnos = std::filesystem::exists(folder / "errnos.json")
                          ? load_errnos((folder / "errnos.json").string())
                          : std::vector<KnownErrno>{};
  const Coverage seen = coverage_of(cases);
  fmt::print("{}", coverage_page(seen, errnos));
  return unexplained(seen, errnos).empty() ? kAsExpected : kDeviations;
}

}  // namespace

void add_coverage(CLI::App& app, int& status) {
  auto options = std::make_shared<CoverageOptions>();
  auto* command =
      app.add_subcommand("coverage", "Tell which inputs the cases give: operations, flags, objects, errors");
  command
      ->add_option("--run", options->runs,
                   "Count only the cases that passed on the kernel in these stored runs; may be repeated")
      ->type_name("RUN");
  options->selection.add_options(*command);
  command->footer(
      "Exit status 1: an error that overlayfs can return is neither expected by a case nor explained.");
  command->callback([options, &status] { status = coverage(*options); });
}

}  // namespace ovlcheck
