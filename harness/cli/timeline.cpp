#include "harness/report/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/report/ranges.h"

namespace ovlcheck {
namespace {

std::vector<KernelChange> known_changes(const CaseSelection& selection) {
  const std::filesystem::path folder =
      selection.paths.empty() ? shipped_folder("cases") : selection.paths.front();
  const auto file = folder / "changes.json";
  return std::filesystem::exists(file) ? load_changes(file.string()) : std::vector<KernelChange>{};
}

}  // namespace

void add_timeline(CLI::App& app, int& status) {
  auto run = std::make_shared<std::string>("results/kernels");
  auto name = std::make_shared<std::string>();
  auto ranges = std::make_shared<std::string>();
  auto selection = std::make_shared<CaseSelection>();
  auto* command = app.add_subcommand("timeline", "Tell outcomes by kernel, of a run of `vm`");
  command->add_option("case", *name, "A case's full name; none: a page of all that differs, in Markdown")
      ->type_name("CASE");
  command->add_option("--run", *run, "The run's folder or its results.json")
      ->capture_default_str()
      ->type_name("RUN");
  command
      ->add_option("--ranges", *ranges,
                   "A run of `vm --check-ranges`: tell as well whether versions that cases name are right")
      ->type_name("RUN");
  command
      ->add_option("--cases", selection->paths,
                   "Case files or folders instead of the cases that come with the program")
      ->type_name("PATH");
  command->callback([run, name, ranges, selection, &status] {
    const Run stored = read_results(*run);
    if (name->empty()) {
      const auto cases = selection->load();
      fmt::print("{}", changes_page(stored, cases));
      if (!ranges->empty())
        fmt::print("\n{}", ranges_page(read_results(*ranges), stored, cases, known_changes(*selection)));
    } else {
      if (timeline_of(stored, *name).empty())
        throw std::invalid_argument("no kernel ran " + *name + " in " + *run);
      fmt::print("{}", timeline_text(stored, *name));
    }
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
