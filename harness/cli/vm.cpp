#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "adapters/adapter.h"
#include "adapters/vm/disk.h"
#include "adapters/vm/kernel_image.h"
#include "adapters/vm/machine.h"
#include "harness/cli/commands.h"
#include "harness/cli/execute.h"
#include "harness/run/vm_guest.h"
#include "harness/run/vm_worker.h"

namespace ovlcheck {
namespace {

constexpr std::chrono::seconds kKvmPatience(5);  // a kernel that boots with KVM at all takes less than two

struct VmOptions {
  CaseSelection selection;
  std::vector<std::string> kernels, modules;
  std::vector<std::string> subjects = {"kernel"};
  std::vector<std::string> file_systems = {"tmpfs"};
  std::vector<std::string> privileges = {"root", "userns"};
  bool host = false;
  ExecuteOptions execute;
  unsigned memory = 512;
  std::string accelerator = "auto";
};

// "kernel:index=on" on Linux 6.1.0 -> "kernel@6.1.0/tmpfs:index=on"; user namespaces are named, real root is
// what a kernel is usually asked with.
std::string name_at(const std::string& subject, const std::string& release, const std::string& fs,
                    const std::string& privilege) {
  const size_t colon = std::min(subject.find(':'), subject.size());
  return subject.substr(0, colon) + "@" + release + "/" + fs + (privilege == "root" ? "" : "/" + privilege) +
         subject.substr(colon);
}

void check_options(const VmOptions& options) {
  if (!options.modules.empty() && options.modules.size() != options.kernels.size())
    throw std::invalid_argument("give --modules once per --kernel, or not at all");
  for (const auto& subject : options.subjects) check_subject(subject);
  for (const auto& privilege : options.privileges) (void)privilege_from_name(privilege);
  const auto known = disk_file_systems();
  for (const auto& fs : options.file_systems)
    if (fs != "tmpfs" && std::find(known.begin(), known.end(), fs) == known.end())
      throw std::invalid_argument("no scratch file system \"" + fs +
                                  "\": tmpfs, or ext4, xfs, btrfs where mkfs is installed");
}

// `add(fs, privilege, subject)` for every combination.
template <class F>
void each_place(const VmOptions& options, const std::vector<std::string>& file_systems, F&& add) {
  for (const auto& fs : file_systems)
    for (const auto& privilege : options.privileges)
      for (const auto& subject : options.subjects) add(fs, privilege, subject);
}

void add_machine(const VmOptions& options, const Machine& machine, std::vector<SubjectRequest>& subjects) {
  each_place(options, options.file_systems, [&](const auto& fs, const auto& privilege, const auto& subject) {
    SubjectRequest request;
    request.name = name_at(subject, machine.release, fs, privilege);
    request.inside = subject;
    request.sandbox = SandboxRequest{privilege_from_name(privilege), ""};
    request.open = [machine, fs](boost::asio::io_context& context, const WorkerOptions& worker,
                                 WorkerChannel::OnLine on_line, WorkerChannel::OnEnd on_end) {
      return start_vm_worker(context, machine, fs, worker, std::move(on_line), std::move(on_end));
    };
    subjects.push_back(std::move(request));
  });
}

void add_host(const VmOptions& options, std::vector<SubjectRequest>& subjects) {
  struct utsname system;
  if (uname(&system) != 0) throw std::runtime_error("uname failed");
  each_place(options, {"tmpfs"}, [&](const auto& fs, const auto& privilege, const auto& subject) {
    SubjectRequest request;
    request.name = name_at(subject, system.release, fs, privilege);
    request.inside = subject;
    request.sandbox = SandboxRequest{privilege_from_name(privilege), ""};
    subjects.push_back(std::move(request));
  });
}

// KVM where this kernel is seen to boot with it, else QEMU's own emulation.
std::string accelerator_for(Machine machine) {
  machine.accelerator = "kvm";
  return access("/dev/kvm", R_OK | W_OK) == 0 && boots(machine, kKvmPatience) ? "kvm" : "tcg";
}

SuiteRequest request_from(const VmOptions& options) {
  check_options(options);
  SuiteRequest request;
  options.execute.apply(request);
  PoolRequest& pool = request.pool;
  pool.program = own_program();
  pool.cases = options.selection.load();
  request.suite = suite_info(pool.cases);
  const auto guest = std::filesystem::path(own_program()).parent_path() / "ovlcheck_static";
  std::string accelerator = options.accelerator;
  for (size_t i = 0; i < options.kernels.size(); ++i) {
    const std::string& kernel = options.kernels[i];
    const std::string modules =
        options.modules.empty() ? find_modules(kernel, kernel_release_of_file(kernel)) : options.modules[i];
    Machine machine = make_machine(kernel, modules, guest.string());
    machine.memory = options.memory;
    if (accelerator == "auto") accelerator = accelerator_for(machine);
    machine.accelerator = accelerator;
    add_machine(options, machine, pool.subjects);
  }
  if (options.host) add_host(options, pool.subjects);
  return request;
}

}  // namespace

void add_vm(CLI::App& app, int& status) {
  auto options = std::make_shared<VmOptions>();
  auto* command = app.add_subcommand("vm", "Run cases on the overlayfs of other kernels, booted in QEMU");
  command->add_option("--kernel", options->kernels, "Kernel image (vmlinuz); may be repeated")
      ->required()
      ->type_name("VMLINUZ")
      ->check(CLI::ExistingFile);
  command
      ->add_option(
          "--modules", options->modules,
          "Its modules, .../lib/modules/RELEASE; once per --kernel (default: looked for near the image)")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_option("--subject", options->subjects, "What to test inside; may be repeated")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--fs", options->file_systems, "Scratch file systems: tmpfs, ext4, xfs, btrfs")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command->add_option("--privilege", options->privileges, "root, userns, or both")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command->add_flag("--host", options->host, "Run the cases on this machine's own kernel as well");
  options->selection.add_options(*command);
  command->add_option("--memory", options->memory, "Memory of a virtual machine")
      ->capture_default_str()
      ->type_name("MiB");
  command
      ->add_option("--accelerator", options->accelerator,
                   "auto (kvm if the first kernel boots with it), tcg or kvm")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "tcg", "kvm"}));
  options->execute.timeout = 20;  // an emulated processor is slow
  options->execute.add_options(*command, "Virtual machines at a time (default: one per processor)");
  command->callback(
      [options, &status] { status = execute(request_from(*options), options->execute.strict); });

  auto* guest = app.add_subcommand("vm-init", "First process of a virtual machine")->group("");
  guest->callback([&status] { status = run_vm_guest(); });
}

}  // namespace ovlcheck
