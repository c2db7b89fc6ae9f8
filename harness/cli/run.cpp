#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>

#include "adapters/adapter.h"
#include "adapters/vm/disk.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"
#include "harness/cli/execute.h"

namespace ovlcheck {
namespace {

struct RunOptions {
  CaseSelection selection;
  std::vector<std::string> subjects;
  std::optional<std::string> mount_command;
  std::string against;
  std::string privilege = "auto";
  std::string scratch, scratch_fs, lower_fs;
  unsigned repeat = 1;
  std::string shard;  // "2/8"
  ExecuteOptions execute;
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

// A subject by name, or by the path of its descriptor, which its workers get as an absolute one.
SubjectRequest subject_request(const std::string& name) {
  check_subject(name);
  SubjectRequest request;
  request.name = display_name(name);
  if (request.name != name) request.inside = std::filesystem::absolute(name).string();
  return request;
}

// Rather once and at once than as the reason of every single case.
void check_file_systems(const RunOptions& options) {
  if (!options.scratch.empty() && !options.scratch_fs.empty())
    throw std::invalid_argument("--scratch and --scratch-fs exclude each other");
  if (!options.lower_fs.empty() && options.privilege != "root")
    throw std::invalid_argument("--lower-fs " + options.lower_fs +
                                " needs --privilege root: a user namespace cannot mount images");
  for (const auto& [option, fs] :
       {std::pair("--scratch-fs ", options.scratch_fs), {"--lower-fs ", options.lower_fs}}) {
    if (fs.empty() || fs == "tmpfs") continue;
    if (geteuid() != 0) throw std::runtime_error(option + fs + " needs to be run by root");
    if (const auto missing = missing_maker(fs); !missing.empty())
      throw std::runtime_error(option + fs + ": " + missing);
  }
}

SuiteRequest request_from(const RunOptions& options) {
  SuiteRequest request;
  PoolRequest& pool = request.pool;
  pool.program = own_program();
  pool.cases = options.selection.load();
  request.clauses = options.selection.clauses();
  request.suite = suite_info(pool.cases);
  if (!options.shard.empty()) keep_shard(pool.cases, options.shard);
  options.execute.apply(request);
  if (options.execute.resume && options.repeat > 1)
    throw std::invalid_argument("--resume and --repeat exclude each other");
  pool.repeat = std::max(1u, options.repeat);
  pool.sandbox.privilege = privilege_from_name(options.privilege);
  pool.sandbox.scratch = options.scratch;
  pool.sandbox.scratch_fs = options.scratch_fs;
  pool.sandbox.lower_fs = options.lower_fs;
  check_file_systems(options);
  for (const auto& name : options.subjects) pool.subjects.push_back(subject_request(name));
  if (options.mount_command) {
    check_mount_command(*options.mount_command);
    pool.subjects.push_back({"mount-command", *options.mount_command});
  }
  if (pool.subjects.empty())
    for (const auto& name : known_subjects()) pool.subjects.push_back(subject_request(name));
  std::set<std::string> names;
  for (const auto& subject : pool.subjects)
    if (!names.insert(subject.name).second)
      throw std::invalid_argument("--subject " + subject.name + " is given twice");
  request.against = options.against;
  if (!request.against.empty()) {
    const SubjectRequest against = subject_request(request.against);
    request.against = against.name;
    if (std::none_of(pool.subjects.begin(), pool.subjects.end(),
                     [&](const auto& subject) { return subject.name == request.against; }))
      pool.subjects.insert(pool.subjects.begin(), against);
  }
  return request;
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "Run cases on subjects, judge them, store the results");
  command
      ->add_option(
          "--subject", options->subjects,
          "What to test, e.g. kernel, kernel:redirect_dir=on, fuse-overlayfs, or the file NAME.json of a "
          "descriptor; may be repeated (default: all known)")
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
  command
      ->add_option("--scratch-fs", options->scratch_fs,
                   "Work on a new file system in a file in memory, by way of a loop device; for root")
      ->type_name("FS")
      ->check(CLI::IsMember({"tmpfs", "ext4", "xfs", "btrfs"}));
  command
      ->add_option("--lower-fs", options->lower_fs,
                   "Make read-only images of the lower layers; with --privilege root")
      ->type_name("FS")
      ->check(CLI::IsMember(image_file_systems()));
  command->add_option("--repeat", options->repeat, "Run every case that often")
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--shard", options->shard, "Only the I-th of N parts of the cases; join them with `merge`")
      ->type_name("I/N");
  options->execute.add_options(*command, "Workers at a time (default: one per processor)");
  command->callback(
      [options, &status] { status = execute(request_from(*options), options->execute.strict); });
}

}  // namespace ovlcheck
