#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/results/compare.h"

namespace ovlcheck {

void add_merge(CLI::App& app, int& status) {
  auto shards = std::make_shared<std::vector<std::string>>();
  auto output = std::make_shared<std::string>();
  auto* command = app.add_subcommand("merge", "Join the shards of one suite into one run");
  command->add_option("shards", *shards, "Folders or results.json of runs with --shard")
      ->required()
      ->type_name("RUN");
  command->add_option("--output", *output, "Folder for the merged results.json")
      ->required()
      ->type_name("DIR");
  command->callback([shards, output, &status] {
    std::vector<Run> runs;
    for (const auto& shard : *shards) runs.push_back(read_results(shard));
    const Run merged = merge_runs(runs);
    std::filesystem::create_directories(*output);
    write_results(std::filesystem::path(*output) / "results.json", merged);
    fmt::print("{} outcomes of {} shards, stored in {}\n", merged.outcomes.size(), runs.size(), *output);
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
