#include "harness/case/lint.h"

#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"

namespace ovlcheck {

void add_lint(CLI::App& app, int& status) {
  auto paths = std::make_shared<std::vector<std::string>>();
  auto* command = app.add_subcommand("lint", "Check case files without running them");
  command->add_option("paths", *paths, "Case files or folders")->required()->type_name("PATH");
  command->callback([paths, &status] {
    const auto problems = lint(*paths);
    for (const auto& problem : problems) fmt::print(stderr, "{}\n", to_string(problem));
    if (problems.empty()) fmt::print("{} cases, no problems\n", load_cases(*paths).size());
    status = problems.empty() ? kAsExpected : kBadInput;
  });
}

}  // namespace ovlcheck
