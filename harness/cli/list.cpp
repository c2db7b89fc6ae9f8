#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"

namespace ovlcheck {

void add_list(CLI::App& app, int& status) {
  auto selection = std::make_shared<CaseSelection>();
  auto titles = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("list", "Name the cases, one a line");
  selection->add_options(*command);
  command->add_flag("--titles", *titles, "With their titles");
  command->callback([selection, titles, &status] {
    for (const auto& c : selection->load()) fmt::print("{}{}\n", c.name(), *titles ? "  " + c.title : "");
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
