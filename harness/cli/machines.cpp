#include "harness/cli/machines.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "adapters/vm/disk.h"
#include "adapters/vm/kernel_image.h"
#include "harness/cli/commands.h"
#include "harness/run/vm_worker.h"

namespace ovlcheck {
namespace {

constexpr std::chrono::seconds kKvmPatience(5);  // a kernel that boots with KVM at all takes less than two

// KVM where this kernel is seen to boot with it, else QEMU's own emulation.
std::string accelerator_for(Machine machine) {
  machine.accelerator = "kvm";
  return access("/dev/kvm", R_OK | W_OK) == 0 && boots(machine, kKvmPatience) ? "kvm" : "tcg";
}

// What runs in a virtual machine, by its name there: it is built beside this program.
std::map<std::string, std::string> guest_programs() {
  const auto folder = std::filesystem::path(own_program()).parent_path();
  std::map<std::string, std::string> all;
  for (const std::string name : {"ovlcheck", "userlay"}) {
    all[name] = folder / (name + "_static");
    if (!std::filesystem::exists(all[name]))
      throw std::runtime_error(all[name] + " is not there: build the target " + name + "_static");
  }
  return all;
}

}  // namespace

void MachineSelection::add_options(CLI::App& command) {
  command.add_option("--kernel", kernels, "Kernel image (vmlinuz); may be repeated")
      ->required()
      ->type_name("VMLINUZ")
      ->check(CLI::ExistingFile);
  command
      .add_option(
          "--modules", modules,
          "Its modules, .../lib/modules/RELEASE; once per --kernel (default: looked for near the image)")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command.add_option("--memory", memory, "Memory of a virtual machine")
      ->capture_default_str()
      ->type_name("MiB");
  command
      .add_option("--accelerator", accelerator, "auto (kvm if the first kernel boots with it), tcg or kvm")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "tcg", "kvm"}));
}

std::vector<Machine> MachineSelection::make() const {
  if (!modules.empty() && modules.size() != kernels.size())
    throw std::invalid_argument("give --modules once per --kernel, or not at all");
  const auto programs = guest_programs();
  std::string chosen = accelerator;
  std::vector<Machine> machines;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const std::string& kernel = kernels[i];
    Machine machine = make_machine(
        kernel, modules.empty() ? find_modules(kernel, kernel_release_of_file(kernel)) : modules[i],
        programs);
    machine.memory = memory;
    if (chosen == "auto") chosen = accelerator_for(machine);
    machine.accelerator = chosen;
    machines.push_back(std::move(machine));
  }
  return machines;
}

void check_disk_file_system(const std::string& fs) {
  const auto known = disk_file_systems();
  if (std::find(known.begin(), known.end(), fs) == known.end())
    throw std::invalid_argument("no scratch file system \"" + fs +
                                "\": tmpfs, or ext4, xfs, btrfs where mkfs is installed");
}

}  // namespace ovlcheck
