#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>

#include "adapters/adapter.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"
#include "harness/cli/execute.h"

namespace ovlcheck {
namespace {

struct RunOptions {
  CaseSelection selection;
  std::vector<std::string> subjects;
  std::string mount_command;
  std::string against;
  std::string privilege = "auto";
  std::string scratch;
  std::string output = "ovlcheck-results";
  unsigned jobs = 0;
  unsigned repeat = 1;
  double timeout = 10;
  std::string shard;  // "2/8"
  std::string baselines;
  bool no_baselines = false, strict = false, resume = false;
};

// Keeps every N-th case from the I-th on, for "I/N".
void keep_shard(std::vector<Case>& cases, const std::string& shard) {
  unsigned index = 0, count = 0;
  char rest = 0;
  if (std::sscanf(shard.c_str(), "%u/%u%c", &index, &count, &rest) != 2 || index < 1 || index > count)
    throw std::invalid_argument("--shard " + shard + ": write I/N with 1 <= I <= N, e.g. 2/8");
  std::vector<Case> kept;
  for (size_t i = index - 1; i < cases.size(); i += count) kept.push_back(std::move(cases[i]));
  cases = std::move(kept);
}

SuiteRequest request_from(const RunOptions& options) {
  SuiteRequest request;
  PoolRequest& pool = request.pool;
  pool.program = own_program();
  pool.cases = options.selection.load();
  request.clauses = options.selection.clauses();
  request.suite = suite_info(pool.cases);
  if (!options.shard.empty()) keep_shard(pool.cases, options.shard);
  request.resume = options.resume;
  if (options.resume && options.repeat > 1)
    throw std::invalid_argument("--resume and --repeat exclude each other");
  if (!options.no_baselines)
    request.baselines =
        options.baselines.empty() ? shipped_folder("results/expectations") : options.baselines;
  pool.jobs = options.jobs ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  pool.repeat = std::max(1u, options.repeat);
  pool.step_timeout = options.timeout;
  pool.sandbox.privilege = privilege_from_name(options.privilege);
  pool.sandbox.scratch = options.scratch;
  for (const auto& name : options.subjects) pool.subjects.push_back({name, ""});
  if (!options.mount_command.empty()) pool.subjects.push_back({"mount-command", options.mount_command});
  if (pool.subjects.empty())
    for (const auto& name : known_subjects()) pool.subjects.push_back({name, ""});
  for (const auto& subject : pool.subjects)
    if (subject.mount_command.empty()) check_subject(subject.name);
  request.against = options.against;
  if (!request.against.empty()) {
    check_subject(request.against);
    if (std::none_of(pool.subjects.begin(), pool.subjects.end(),
                     [&](const auto& subject) { return subject.name == request.against; }))
      pool.subjects.insert(pool.subjects.begin(), {request.against, ""});
  }
  request.folder = options.output;
  return request;
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "Run cases on subjects, judge them, store the results");
  command
      ->add_option("--subject", options->subjects,
                   "What to test, e.g. kernel, kernel:redirect_dir=on, userlay, fuse-overlayfs; may be "
                   "repeated (default: all known)")
      ->type_name("NAME");
  command
      ->add_option("--mount-command", options->mount_command,
                   "Test any program: a command with {lower}, {upper}, {work} and {mount}")
      ->type_name("COMMAND");
  options->selection.add_options(*command);
  command
      ->add_option("--against", options->against,
                   "Judge by what this subject does instead of by expectations")
      ->type_name("NAME");
  command
      ->add_option("--privilege", options->privilege,
                   "auto, userns (user namespace), root (real root) or none")
      ->capture_default_str();
  command->add_option("--scratch", options->scratch, "Directory to work in instead of a private tmpfs")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_option("--jobs", options->jobs, "Workers at a time (default: one per processor)")
      ->type_name("N");
  command->add_option("--repeat", options->repeat, "Run every case that often")
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--timeout", options->timeout, "Seconds a step may take")
      ->capture_default_str()
      ->type_name("SECONDS");
  command
      ->add_option("--shard", options->shard, "Only the I-th of N parts of the cases; join them with `merge`")
      ->type_name("I/N");
  command
      ->add_option("--expectations", options->baselines,
                   "Folder of known deviations instead of the one that comes with the program")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_flag("--no-expectations", options->no_baselines, "Count known deviations like all others");
  command->add_flag("--strict", options->strict, "A known deviation that passes now is a deviation too");
  command->add_flag("--resume", options->resume,
                    "Go on with the run in the output folder that was interrupted");
  command->add_option("--output", options->output, "Folder for events.jsonl and results.json")
      ->capture_default_str()
      ->type_name("DIR");
  command->callback([options, &status] { status = execute(request_from(*options), options->strict); });
}

}  // namespace ovlcheck
