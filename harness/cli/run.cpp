#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>

#include "adapters/adapter.h"
#include "adapters/vm/disk.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"
#include "harness/cli/execute.h"
#include "harness/ops/filesystem_type.h"
#include "harness/run/lower_file_systems.h"

namespace ovlcheck {
namespace {

struct RunOptions {
  CaseSelection selection;
  std::vector<std::string> subjects;
  std::optional<std::string> mount_command;
  std::string against, exchange;
  std::string privilege = "auto";
  std::string scratch, scratch_fs, lower_fs;
  std::vector<std::string> shown;
  unsigned repeat = 1;
  std::optional<unsigned> shuffle;
  std::string shard;  // "2/8"
  AttachRequest attach;
  bool staged = false;
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
  if (is_image(options.lower_fs) && options.privilege != "root")
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

// What is mounted at the directory, by the type of its file system, where that tells.
std::string subject_mounted_at(const std::string& merged) {
  struct statfs info;
  if (statfs(merged.c_str(), &info) != 0)
    throw std::invalid_argument("--attach " + merged + ": " + std::strerror(errno));
  if (filesystem_type(info.f_type) == "overlay") return "kernel";
  throw std::invalid_argument(
      "--attach " + merged + " is a " + filesystem_type(info.f_type) +
      " file system: say with --subject what is mounted there, e.g. fuse-overlayfs or "
      "kernel:redirect_dir=on; that tells the options and how its upper layer is written");
}

// Where everything is mounted already there is one subject, one try, and nothing to choose.
void attach(const RunOptions& options, PoolRequest& pool) {
  if (options.attach.upper.empty())
    throw std::invalid_argument("--attach needs --upper, the layer that `ovlcheck stage` filled");
  if (options.subjects.size() > 1 || options.mount_command)
    throw std::invalid_argument("--attach is about one --subject, which is mounted already");
  if (options.repeat > 1 || options.staged || !options.against.empty())
    throw std::invalid_argument("--attach excludes --repeat, --staged and --against: a stage serves one run");
  if (pool.subjects.empty())
    pool.subjects.push_back(subject_request(subject_mounted_at(options.attach.merged)));
  pool.attach = options.attach;
  // Root needs no namespace to enter directories, and would lose its rights over trusted.* attributes in one.
  if (pool.sandbox.privilege == Privilege::automatic && geteuid() == 0)
    pool.sandbox.privilege = Privilege::root;
}

// What the other subject is called for workers.
std::string exchange_subject(const RunOptions& options) {
  if (!options.against.empty() || options.staged || !options.attach.merged.empty())
    throw std::invalid_argument(
        "--exchange excludes --against, --staged and --attach: every case needs "
        "layers of its own, and is judged by one thing");
  const SubjectRequest other = subject_request(options.exchange);
  if (parse_subject(options.exchange).kind == "plain")
    throw std::invalid_argument("--exchange plain: it keeps no layers; name an overlay, e.g. kernel");
  return other.inside.empty() ? other.name : other.inside;
}

SuiteRequest request_from(const RunOptions& options) {
  SuiteRequest request;
  PoolRequest& pool = request.pool;
  pool.program = own_program();
  pool.cases = options.selection.load();
  request.clauses = options.selection.clauses();
  request.suite = suite_info(pool.cases);
  if (!options.shard.empty()) keep_shard(pool.cases, options.shard);
  if (options.shuffle) std::shuffle(pool.cases.begin(), pool.cases.end(), std::mt19937(*options.shuffle));
  options.execute.apply(request);
  if (options.execute.resume && options.repeat > 1)
    throw std::invalid_argument("--resume and --repeat exclude each other");
  pool.repeat = std::max(1u, options.repeat);
  pool.sandbox.privilege = privilege_from_name(options.privilege);
  pool.sandbox.scratch = options.scratch;
  pool.sandbox.scratch_fs = options.scratch_fs;
  pool.sandbox.lower_fs = options.lower_fs;
  check_file_systems(options);
  for (const auto& folder : options.shown)
    pool.sandbox.shown.push_back(std::filesystem::canonical(folder).string());
  for (const auto& name : options.subjects) pool.subjects.push_back(subject_request(name));
  if (options.mount_command) {
    check_mount_command(*options.mount_command);
    pool.subjects.push_back({"mount-command", *options.mount_command});
  }
  if (options.staged && !options.lower_fs.empty())
    throw std::invalid_argument("--staged and --lower-fs exclude each other: they hold one case");
  pool.staged = options.staged;
  if (!options.attach.merged.empty()) attach(options, pool);
  if (pool.subjects.empty())
    for (const auto& name : known_subjects()) pool.subjects.push_back(subject_request(name));
  std::set<std::string> names;
  for (const auto& subject : pool.subjects)
    if (!names.insert(subject.name).second)
      throw std::invalid_argument("--subject " + subject.name + " is given twice");
  if (!options.exchange.empty()) pool.exchange = exchange_subject(options);
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
      ->add_option("--exchange", options->exchange,
                   "Judge by whether this subject, mounted over the layers that the tested one leaves after "
                   "a case, shows the same merged tree, e.g. kernel")
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
                   "Put every lower layer on a file system of its own: a tmpfs or, with --privilege root, a "
                   "read-only image")
      ->type_name("FS")
      ->check(CLI::IsMember(lower_file_systems()));
  command
      ->add_option(
          "--show", options->shown,
          "Folder that subjects' programs need to read, besides the system's and their own; may be repeated")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--repeat", options->repeat,
                   "Run every case that often and tell which ones change their mind")
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--shuffle", options->shuffle, "Run the cases in another order; the seed of it")
      ->type_name("N");
  command
      ->add_option("--shard", options->shard, "Only the I-th of N parts of the cases; join them with `merge`")
      ->type_name("I/N");
  auto* attach =
      command->add_option("--attach", options->attach.merged,
                          "Run where layers made by `ovlcheck stage` are mounted already; mounts nothing");
  attach->type_name("MERGED")->check(CLI::ExistingDirectory);
  command->add_option("--upper", options->attach.upper, "The upper layer of that mount")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->needs(attach);
  command
      ->add_option("--lower", options->attach.lowers,
                   "Its lower layers, the topmost first, to watch that they do not change; may be repeated")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->needs(attach);
  command->add_flag("--staged", options->staged,
                    "Mount once for many cases, where they allow it: faster on subjects that mount slowly");
  options->execute.add_options(*command, "Workers at a time (default: one per processor)");
  command->callback(
      [options, &status] { status = execute(request_from(*options), options->execute.strict); });
}

}  // namespace ovlcheck
