#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "harness/cli/commands.h"
#include "harness/generate/campaign.h"
#include "harness/generate/exhaust.h"
#include "harness/generate/random.h"
#include "harness/generate/scenario.h"

namespace ovlcheck {
namespace {

using generate::CampaignRequest;
using generate::CampaignResult;

constexpr size_t kScenariosPerChunk = 24;
constexpr size_t kOperationsPerChunk = generate::RandomSequences::kLanes * generate::RandomSequences::kSteps;

void print(const CampaignRequest& request, const CampaignResult& result) {
  const auto& counts = result.counts;
  fmt::print("{} against {}: {} sequences, {} operations compared, {} objects looked at, {} states\n",
             request.subject, fmt::join(request.references, ", "), counts.sequences, counts.steps,
             counts.nodes, counts.states);
  const auto steps = static_cast<double>(counts.steps), states = static_cast<double>(counts.states);
  if (counts.processor_seconds > 0)
    fmt::print(
        "{:.0f} operations/s and {:.0f} states/s of processor time, {:.0f} operations/s per worker by the "
        "clock\n",
        steps / counts.processor_seconds, states / counts.processor_seconds, steps / counts.seconds);
  uint64_t deviating = 0;
  for (const auto& [signature, count] : counts.deviations) deviating += count;
  uint64_t listed = 0;
  for (const auto& [reason, count] : counts.known) listed += count;
  fmt::print("{} sequences deviate, {} of them as listed; {} findings\n", deviating, listed,
             result.findings.size());
  for (const auto& [reason, count] : counts.known) fmt::print("  {} known: {}\n", count, reason);
  for (const auto& [signature, finding] : result.findings) {
    const std::string trouble = finding.value("trouble", "");
    fmt::print("  {}{}\n", signature, trouble.empty() ? "" : " (" + trouble + ")");
  }
  for (const auto& broken : result.broken) fmt::print("broken: {}\n", broken);
  fmt::print("digest of the sequences: {:016x}\n", counts.digest);
  fmt::print("{} of {} chunks done, stored in {}\n", result.done.size(), request.chunks,
             request.folder.string());
}

struct Options {
  CampaignRequest request;
  std::string privilege = "auto", output = "results/generate", known;
  bool no_known = false;

  void add(CLI::App& command) {
    command
        .add_option("--subject", request.subject,
                    "What is tested, e.g. userlay, userlay-fuse, kernel:index=on")
        ->required()
        ->type_name("NAME");
    command
        .add_option("--against", request.references,
                    "What it has to behave like (default: kernel); given more than once, what most of all do "
                    "is right")
        ->type_name("NAME");
    command.add_option("--jobs", request.jobs, "Workers at a time (default: one per processor)")
        ->type_name("N");
    command
        .add_option("--seconds", request.seconds,
                    "Start nothing new after that long (default: until all is done)")
        ->type_name("N");
    command.add_option("--privilege", privilege, "auto, userns or root")
        ->capture_default_str()
        ->type_name("WHICH");
    command.add_option("--scratch", request.sandbox.scratch, "Directory to work in instead of a tmpfs")
        ->type_name("DIR")
        ->check(CLI::ExistingDirectory);
    command
        .add_option("--expectations", known,
                    "Folder of known deviations instead of the one that comes with the program")
        ->type_name("DIR")
        ->check(CLI::ExistingDirectory);
    command.add_flag("--no-expectations", no_known, "Shrink known deviations like all others");
    command.add_flag("--first", request.first_only, "End with the first finding");
    command.add_flag("--resume", request.resume, "Go on with the campaign in the output folder");
    command
        .add_option("--output", output,
                    "Folder for report.md, campaign.json (counts) and findings.json (cases for `ovlcheck run "
                    "--cases`)")
        ->capture_default_str()
        ->type_name("DIR");
  }

  int run() {
    check_subject(request.subject);
    if (request.references.empty()) request.references = {"kernel"};
    for (const auto& name : request.references) check_subject(name);
    const std::string folder = known.empty() ? shipped_folder("results/expectations/generated") : known;
    for (const auto& name : parties_of(request))
      if (!no_known) request.known.emplace_back(folder, name);
    request.sandbox.privilege = privilege_from_name(privilege);
    request.folder = output;
    if (request.jobs == 0) request.jobs = std::max(1u, std::thread::hardware_concurrency());
    const bool shown = isatty(STDERR_FILENO);
    const auto result = generate::run_campaign(request, [&](const CampaignResult& now) {
      if (shown)
        fmt::print(stderr, "\r\033[K{} of {} chunks, {} operations, {} findings", now.done.size(),
                   request.chunks, now.counts.steps, now.findings.size());
    });
    if (shown) fmt::print(stderr, "\r\033[K");
    print(request, result);
    if (!result.broken.empty()) return kBroken;
    return result.findings.empty() ? kAsExpected : kDeviations;
  }
};

void add_exhaust(CLI::App& parent, int& status) {
  auto options = std::make_shared<Options>();
  auto depth = std::make_shared<unsigned>(2);
  auto* command = parent.add_subcommand(
      "exhaust",
      "All sequences of up to N changes over small layers, each state looked at with every operation");
  options->add(*command);
  command
      ->add_option("--depth", *depth,
                   "Most changes in a sequence; from the third on, equal states are merged")
      ->capture_default_str()
      ->check(CLI::Range(1, 4))
      ->type_name("N");
  command->callback([options, depth, &status] {
    auto& request = options->request;
    const size_t all = generate::scenarios().size();
    request.work = fmt::format("exhaust --depth {}", *depth);
    request.chunks = (all + kScenariosPerChunk - 1) / kScenariosPerChunk;
    request.source = [depth = *depth, all](size_t chunk,
                                           const Environment&) -> std::unique_ptr<generate::Source> {
      const size_t first = chunk * kScenariosPerChunk;
      return std::make_unique<generate::Enumeration>(depth, first, std::min(all, first + kScenariosPerChunk));
    };
    status = options->run();
  });
}

void add_random(CLI::App& parent, int& status) {
  auto options = std::make_shared<Options>();
  auto seed = std::make_shared<uint64_t>(1);
  auto operations = std::make_shared<uint64_t>(100000);
  auto* command = parent.add_subcommand("random",
                                        "Random sequences with descriptors, another user, remounts, offline "
                                        "changes and, as real root, mount options");
  options->add(*command);
  command->add_option("--seed", *seed, "The same seed gives the same sequences")
      ->capture_default_str()
      ->type_name("S");
  command->add_option("--ops", *operations, "How many operations, in all sequences together")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("N");
  command->callback([options, seed, operations, &status] {
    auto& request = options->request;
    request.work = fmt::format("random --seed {}", *seed);
    request.chunks = (*operations + kOperationsPerChunk - 1) / kOperationsPerChunk;
    request.source = [seed = *seed](size_t chunk,
                                    const Environment& environment) -> std::unique_ptr<generate::Source> {
      return std::make_unique<generate::RandomSequences>(seed, chunk, environment);
    };
    status = options->run();
  });
}

}  // namespace

void add_generate(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("generate", "Find deviations that no case is about");
  command->require_subcommand(1);
  add_exhaust(*command, status);
  add_random(*command, status);
}

}  // namespace ovlcheck
