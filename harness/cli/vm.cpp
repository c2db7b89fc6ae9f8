#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>

#include "adapters/adapter.h"
#include "adapters/vm/machine.h"
#include "harness/cli/commands.h"
#include "harness/cli/execute.h"
#include "harness/cli/machines.h"
#include "harness/run/vm_guest.h"
#include "harness/run/vm_worker.h"

namespace ovlcheck {
namespace {

struct VmOptions {
  CaseSelection selection;
  MachineSelection machines;
  std::vector<std::string> subjects = {"kernel"};
  std::vector<std::string> file_systems = {"tmpfs"};
  std::string lower_fs;  // "" = lower layers are where the others are
  std::vector<std::string> privileges = {"root", "userns"};
  bool host = false, check_ranges = false;
  bool faults = false;
  std::string counters;  // folder, "" = the kernel need not count
  ExecuteOptions execute;
};

// "kernel:index=on" on Linux 6.1.0 -> "kernel@6.1.0/tmpfs:index=on"; user namespaces are named, real root is
// what a kernel is usually asked with.
std::string name_at(const std::string& subject, const std::string& release, const std::string& fs,
                    const std::string& privilege) {
  const size_t colon = std::min(subject.find(':'), subject.size());
  return subject.substr(0, colon) + "@" + release + "/" + fs + (privilege == "root" ? "" : "/" + privilege) +
         subject.substr(colon);
}

std::string scratch_of(const VmOptions& options, const std::string& fs) {
  return fs + (options.lower_fs.empty() ? "" : "/lowers-" + options.lower_fs);
}

void check_options(const VmOptions& options) {
  for (const auto& subject : options.subjects) check_subject(subject);
  for (const auto& privilege : options.privileges) (void)privilege_from_name(privilege);
  for (const auto& fs : options.file_systems)
    if (fs != "tmpfs") check_disk_file_system(fs);
}

// `add(fs, privilege, subject)` for every combination.
template <class F>
void each_place(const VmOptions& options, const std::vector<std::string>& file_systems, F&& add) {
  for (const auto& fs : file_systems)
    for (const auto& privilege : options.privileges)
      for (const auto& subject : options.subjects) add(fs, privilege, subject);
}

void add_machine(const VmOptions& options, const Machine& machine,
                 const std::shared_ptr<KernelCounters>& counters, std::vector<SubjectRequest>& subjects) {
  each_place(options, options.file_systems, [&](const auto& fs, const auto& privilege, const auto& subject) {
    SubjectRequest request;
    const std::string place = scratch_of(options, fs) + (options.faults ? "/faults" : "");
    request.name = name_at(subject, machine.release, place, privilege);
    request.inside = subject;
    request.sandbox = SandboxRequest{privilege_from_name(privilege), "", "", options.lower_fs};
    request.open = [machine, fs, faults = options.faults, counted = CountedRun{counters, request.name}](
                       boost::asio::io_context& context, const WorkerOptions& worker,
                       WorkerChannel::OnLine on_line, WorkerChannel::OnEnd on_end) {
      WorkerOptions inside = worker;
      inside.faults = faults;
      return start_vm_worker(context, machine, fs, inside, std::move(on_line), std::move(on_end), counted);
    };
    subjects.push_back(std::move(request));
  });
}

void add_host(const VmOptions& options, std::vector<SubjectRequest>& subjects) {
  struct utsname system;
  if (uname(&system) != 0) throw std::runtime_error("uname failed");
  each_place(options, {"tmpfs"}, [&](const auto& fs, const auto& privilege, const auto& subject) {
    SubjectRequest request;
    request.name = name_at(subject, system.release, scratch_of(options, fs), privilege);
    request.inside = subject;
    request.sandbox = SandboxRequest{privilege_from_name(privilege), "", "", options.lower_fs};
    subjects.push_back(std::move(request));
  });
}

// Only the cases that are for some kernels, made to be for all.
void free_of_ranges(std::vector<Case>& cases) {
  std::erase_if(cases, [](const Case& c) { return c.requires_.kernel.empty(); });
  for (Case& c : cases) c = without_kernel_range(std::move(c));
}

SuiteRequest request_from(const VmOptions& options, const std::shared_ptr<KernelCounters>& counters) {
  check_options(options);
  SuiteRequest request;
  options.execute.apply(request);
  PoolRequest& pool = request.pool;
  pool.program = own_program();
  pool.cases = options.selection.load();
  if (options.check_ranges) free_of_ranges(pool.cases);
  request.suite = suite_info(pool.cases);
  for (const auto& machine : options.machines.make()) add_machine(options, machine, counters, pool.subjects);
  if (options.host) add_host(options, pool.subjects);
  return request;
}

int vm(const VmOptions& options) {
  const auto counters =
      options.counters.empty() ? nullptr : std::make_shared<KernelCounters>(options.counters);
  const int status = execute(request_from(options, counters), options.execute.strict);
  if (counters) counters->write();
  return status;
}

}  // namespace

void add_vm(CLI::App& app, int& status) {
  auto options = std::make_shared<VmOptions>();
  auto* command = app.add_subcommand("vm", "Run cases on the overlayfs of other kernels, booted in QEMU");
  options->machines.add_options(*command);
  command->add_option("--subject", options->subjects, "What to test inside; may be repeated")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--fs", options->file_systems, "Scratch file systems: tmpfs, ext4, xfs, btrfs")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command
      ->add_option("--lower-fs", options->lower_fs,
                   "Put every lower layer on a file system of its own: a tmpfs")
      ->type_name("FS")
      ->check(CLI::IsMember({"tmpfs"}));
  command->add_option("--privilege", options->privileges, "root, userns, or both")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command->add_flag("--host", options->host, "Run the cases on this machine's own kernel as well");
  command->add_flag("--check-ranges", options->check_ranges,
                    "Run the cases that name kernel versions, on every kernel: outside they should fail "
                    "(`timeline --ranges`)");
  command
      ->add_option("--counters", options->counters,
                   "Folder for what the kernel has executed of itself, added to what is there; the kernel "
                   "must be built "
                   "with CONFIG_GCOV_KERNEL (scripts/kernel-coverage)")
      ->type_name("DIR");
  command->add_flag(
      "--faults", options->faults,
      "Refuse memory to every system call, one allocation after the other, until it gets through: what the "
      "cases expect must hold all the same; the kernel must be built with CONFIG_FAILSLAB");
  options->selection.add_options(*command);
  options->execute.timeout = 20;  // an emulated processor is slow
  options->execute.add_options(*command, "Virtual machines at a time (default: one per processor)");
  command->callback([options, &status] { status = vm(*options); });

  auto* guest = app.add_subcommand("vm-init", "First process of a virtual machine")->group("");
  guest->callback([&status] { status = run_vm_guest(); });
}

}  // namespace ovlcheck
