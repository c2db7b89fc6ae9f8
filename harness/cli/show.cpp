#include <fmt/format.h>

#include <memory>

#include "harness/case/print.h"
#include "harness/cli/commands.h"

namespace ovlcheck {

void add_show(CLI::App& app, int& status) {
  auto selection = std::make_shared<CaseSelection>();
  auto json = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("show", "Tell cases in words");
  command->add_option("case", selection->filters, "Names or patterns, e.g. rename/lower-dir-is-exdev")
      ->required();
  command
      ->add_option("--cases", selection->paths,
                   "Case files or folders instead of the cases that come with the program")
      ->type_name("PATH");
  command->add_flag("--json", *json, "As JSON, tables expanded");
  command->callback([selection, json, &status] {
    bool first = true;
    for (const auto& c : selection->load()) {
      if (!std::exchange(first, false)) fmt::print("\n");
      fmt::print("{}", *json ? c.json.dump(2) + "\n" : describe(c));
    }
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
