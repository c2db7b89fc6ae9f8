#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/report/markdown.h"
#include "harness/report/terminal.h"

namespace ovlcheck {

void add_report(CLI::App& app, int& status) {
  auto folder = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("terminal");
  auto* command = app.add_subcommand("report", "Tell a stored run again");
  command->add_option("run", *folder, "A run's folder or its results.json")->required()->type_name("RUN");
  command->add_option("--format", *format, "terminal, table or markdown")
      ->capture_default_str()
      ->check(CLI::IsMember({"terminal", "table", "markdown"}));
  command->callback([folder, format, &status] {
    const Run run = read_results(*folder);
    const TerminalStyle style = style_of_stdout();
    fmt::print("{}", *format == "markdown" ? markdown_report(run)
                     : *format == "table"  ? terminal_table(run, style)
                                           : terminal_report(run, style));
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
