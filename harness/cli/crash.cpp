#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

#include "adapters/adapter.h"
#include "harness/cli/commands.h"
#include "harness/cli/machines.h"
#include "harness/crash/campaign.h"
#include "harness/crash/guest.h"

namespace ovlcheck {
namespace {

struct CrashOptions {
  MachineSelection machines;
  CaseSelection scenarios;
  std::vector<std::string> subjects = {"kernel", "userlay-fuse"};
  std::vector<std::string> file_systems = {"ext4", "xfs"};
  uint64_t seed = 1;
  size_t count = 100, first = 0;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  double minutes = 0;
  std::string output;
};

CampaignRequest request_from(const CrashOptions& options) {
  CampaignRequest request;
  for (const auto& subject : options.subjects) check_subject(subject);
  for (const auto& fs : options.file_systems) check_disk_file_system(fs);
  CaseSelection scenarios = options.scenarios;
  if (scenarios.paths.empty()) scenarios.paths = {shipped_folder("harness/crash/scenarios")};
  request.scenarios = scenarios.load();
  request.machines = options.machines.make();
  request.file_systems = options.file_systems;
  request.subjects = options.subjects;
  request.seed = options.seed;
  request.first = options.first;
  request.count = options.count;
  request.jobs = options.jobs;
  request.seconds = options.minutes * 60;
  return request;
}

int run(const CrashOptions& options) {
  CampaignRequest request = request_from(options);
  bool all_legal = true;
  size_t done = 0;
  request.on_result = [&](const TrialResult& one) {
    ++done;
    if (one.verdict != TrialVerdict::illegal && one.verdict != TrialVerdict::error) return;
    all_legal = false;
    fmt::print(stderr, "{} trial {}: {}\n", one.verdict == TrialVerdict::illegal ? "illegal" : "error",
               one.trial.number, one.why);
  };
  const auto results = run_campaign(request);
  const std::string report = campaign_report(request, results);
  if (options.output.empty()) {
    fmt::print("{}", report);
  } else {
    std::ofstream file(options.output);
    file << report;
    file.close();
    if (!file) throw std::runtime_error("cannot write " + options.output);
    fmt::print("{} crashes, report in {}\n", done, options.output);
  }
  return all_legal ? kAsExpected : kDeviations;
}

}  // namespace

void add_crash(CLI::App& app, int& status) {
  auto options = std::make_shared<CrashOptions>();
  auto* command =
      app.add_subcommand("crash", "Crash virtual machines at seeded moments and judge what is left of upper");
  options->machines.add_options(*command);
  options->scenarios.add_options(*command);
  command
      ->add_option("--subject", options->subjects,
                   "What to crash, e.g. kernel, kernel:volatile, kernel:fsync=strict; may be repeated")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--fs", options->file_systems, "File systems of the disk: ext4, xfs, btrfs")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command->add_option("--seed", options->seed, "Where all choices come from")->capture_default_str();
  command->add_option("--count", options->count, "Number of crashes")->capture_default_str();
  command->add_option("--first", options->first, "Number of the first crash, to repeat one")
      ->capture_default_str();
  command->add_option("--jobs", options->jobs, "Virtual machines at a time")->capture_default_str();
  command->add_option("--minutes", options->minutes, "Begin no more crashes after that long (0: no limit)")
      ->capture_default_str();
  command->add_option("--output", options->output, "File for the report (default: standard output)")
      ->type_name("FILE");
  command->callback([options, &status] { status = run(*options); });

  auto* guest =
      app.add_subcommand("crash-guest", "What a crash campaign runs in a virtual machine")->group("");
  guest->callback([&status] { status = run_crash_guest(); });
}

}  // namespace ovlcheck
