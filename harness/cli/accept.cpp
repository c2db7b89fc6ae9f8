#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "harness/cli/commands.h"
#include "harness/results/baseline.h"

namespace ovlcheck {
namespace {

struct AcceptOptions {
  std::string run, subject, reason, link, folder;
  std::vector<std::string> cases;
};

int accept(const AcceptOptions& options) {
  const Run run = read_results(options.run);
  const std::filesystem::path folder =
      options.folder.empty() ? shipped_folder("results/expectations") : options.folder;
  std::filesystem::create_directories(folder);
  const auto file = folder / (options.subject + ".json");
  Baseline baseline{options.subject, {}};
  if (std::filesystem::exists(file)) baseline = read_baseline(file);
  const size_t added = accept(baseline, run, options.subject, options.reason, options.link, options.cases);
  if (added == 0)
    throw std::invalid_argument("there is no new deviation of " + options.subject + " in " + options.run +
                                " to accept");
  write_baseline(file, baseline);
  fmt::print("{} deviations of {} are known now, see {}\n", added, options.subject, file.string());
  return kAsExpected;
}

}  // namespace

void add_accept(CLI::App& app, int& status) {
  auto options = std::make_shared<AcceptOptions>();
  auto* command = app.add_subcommand("accept", "List deviations of a stored run as known, with a reason");
  command->add_option("run", options->run, "A run's folder or its results.json")
      ->required()
      ->type_name("RUN");
  command->add_option("--subject", options->subject, "Whose deviations")->required()->type_name("NAME");
  command->add_option("--reason", options->reason, "Why they are as they are, one sentence")
      ->required()
      ->type_name("TEXT");
  command->add_option("--link", options->link, "The report upstream")->type_name("URL");
  command->add_option("--case", options->cases, "Only these cases (names or patterns); may be repeated")
      ->type_name("PATTERN");
  command->add_option("--expectations", options->folder, "Folder of known deviations")->type_name("DIR");
  command->callback([options, &status] { status = accept(*options); });
}

}  // namespace ovlcheck
