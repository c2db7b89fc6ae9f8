#include "harness/report/coverage.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>

#include "harness/cli/commands.h"
#include "harness/report/kernel_code.h"
#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

struct CoverageOptions {
  CaseSelection selection;
  std::vector<std::string> runs;
  std::string kernel, faults, function;  // folders of counters; one function of them
  std::string format = "text", output;
};

std::filesystem::path case_folder(const CoverageOptions& options) {
  return options.selection.paths.empty() ? shipped_folder("cases") : options.selection.paths.front();
}

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
  const std::filesystem::path folder = case_folder(options);
  const auto errnos = std::filesystem::exists(folder / "errnos.json")
                          ? load_errnos((folder / "errnos.json").string())
                          : std::vector<KnownErrno>{};
  const Coverage seen = coverage_of(cases);
  fmt::print("{}", coverage_page(seen, errnos));
  return unexplained(seen, errnos).empty() ? kAsExpected : kDeviations;
}

// What was counted with faults joins what was counted without, whose figures stay to be seen.
void add_faults(const std::string& folder, KernelCoverage& seen, KernelCode& code) {
  const CodeFigures alone = figures_of(seen);
  code.others.insert(code.others.begin(), {"ovlcheck", seen.how, alone.lines.percent(),
                                           alone.functions.percent(), alone.branches.percent()});
  add_counts(seen, read_kernel_coverage(folder));
  seen.how = "the cases, and again with memory refused to every system call";
}

int kernel_coverage(const CoverageOptions& options) {
  KernelCoverage seen = read_kernel_coverage(options.kernel);
  const auto cases = options.selection.load();
  if (!options.function.empty()) {
    write_output(options.output, kernel_function_text(seen, options.function, cases));
    return kAsExpected;
  }
  const auto file = case_folder(options) / "kernel-code.json";
  KernelCode code = std::filesystem::exists(file) ? load_kernel_code(file.string()) : KernelCode{};
  if (!options.faults.empty()) add_faults(options.faults, seen, code);
  write_output(options.output, options.format == "html"       ? kernel_code_html(seen, code, cases)
                               : options.format == "markdown" ? kernel_code_markdown(seen, code)
                                                              : kernel_code_text(seen, code));
  const auto wrong = wrong_explanations(seen, code);
  for (const auto& sentence : wrong) fmt::print(stderr, "{}: {}\n", file.string(), sentence);
  return wrong.empty() ? kAsExpected : kDeviations;
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
  auto* kernel =
      command
          ->add_option("--kernel", options->kernel,
                       "Tell instead which code of fs/overlayfs the cases execute, from the folder of "
                       "counters that scripts/kernel-coverage made")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  command
      ->add_option("--faults", options->faults,
                   "With --kernel: another such folder, made with --faults, to be counted as well")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->needs(kernel);
  command
      ->add_option("--function", options->function,
                   "With --kernel: the cases and clauses that enter this function")
      ->type_name("NAME")
      ->needs(kernel);
  command->add_option("--format", options->format, "With --kernel: text, markdown or html")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "markdown", "html"}))
      ->needs(kernel);
  command->add_option("--output", options->output, "With --kernel: file to write instead of printing")
      ->type_name("FILE")
      ->needs(kernel);
  options->selection.add_options(*command);
  command->footer(
      "Exit status 1: an error that overlayfs can return is neither expected by a case nor explained; with "
      "--kernel: "
      "kernel-code.json explains code as not executed that is.");
  command->callback([options, &status] {
    status = options->kernel.empty() ? coverage(*options) : kernel_coverage(*options);
  });
}

}  // namespace ovlcheck
