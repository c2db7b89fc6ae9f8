#include "adapters/vm/machine.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "adapters/vm/cpio.h"
#include "adapters/vm/decompress.h"
#include "adapters/vm/kernel_image.h"
#include "adapters/vm/modules.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDiskSize = size_t{512} << 20;

// The checksums come first: file systems ask for them by algorithm, which is no dependency of a module.
const std::vector<std::string> kModules = {
    "virtio_pci", "virtio_console", "virtio_blk", "crc32c_generic", "libcrc32c", "xxhash_generic", "overlay",
    "fuse",       "ext4",           "xfs",        "btrfs"};

const std::map<std::string, std::vector<std::string>> kMakers = {{"ext4", {"mkfs.ext4", "-q", "-F"}},
                                                                 {"xfs", {"mkfs.xfs", "-q", "-f"}},
                                                                 {"btrfs", {"mkfs.btrfs", "-q", "-f"}}};

// mkfs is not in the PATH of ordinary users.
std::string find_in_sbin(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/usr/local/sbin/"})
    if (access((directory + name).c_str(), X_OK) == 0) return directory + name;
  return "";
}

void run_quietly(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (auto& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
  const bool prepared =
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0;
  pid_t child = -1;
  const int error =
      prepared ? posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ) : ENOMEM;
  (void)posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot run " + command[0] + ": " + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error(std::string("waitpid: ") + std::strerror(errno));
  if (status != 0) throw std::runtime_error(command[0] + " failed");
}

}  // namespace

std::string find_modules(const std::string& kernel, const std::string& release) {
  const fs::path beside = fs::absolute(kernel).parent_path();
  for (const fs::path& candidate :
       {beside, beside.parent_path() / "lib/modules" / release,
        beside.parent_path() / "usr/lib/modules" / release, fs::path("/lib/modules") / release})
    if (fs::is_directory(candidate / "kernel")) return candidate.string();
  return "";
}

Machine make_machine(const std::string& kernel, const std::string& modules, const std::string& program) {
  Machine machine;
  machine.kernel = fs::absolute(kernel).string();
  machine.release = kernel_release_of_file(kernel);
  CpioWriter writer;
  for (const char* directory : {"dev", "proc", "sys", "root", "modules"}) writer.add_directory(directory);
  writer.add_character_device("dev/console", 5, 1);
  writer.add_file("ovlcheck", read_decompressed(program), 0755);
  if (!modules.empty()) {
    unsigned number = 1000;  // loaded in the order of the names
    for (const auto& module : load_order(modules, kModules))
      writer.add_file("modules/" + std::to_string(number++) + "-" + module.name + ".ko", module.content);
  }
  auto file = std::make_shared<MemoryFile>("initramfs");
  file->append(writer.finish());
  machine.initramfs = std::move(file);
  return machine;
}

std::vector<std::string> disk_file_systems() {
  std::vector<std::string> all;
  for (const auto& [name, command] : kMakers)
    if (!find_in_sbin(command[0]).empty()) all.push_back(name);
  return all;
}

std::unique_ptr<MemoryFile> make_disk(const std::string& fs) {
  const auto maker = kMakers.find(fs);
  if (maker == kMakers.end()) throw std::runtime_error("no disk can be made with " + fs);
  std::vector<std::string> command = maker->second;
  const std::string program = find_in_sbin(command[0]);
  if (program.empty()) throw std::runtime_error(command[0] + " is not installed");
  command[0] = program;
  auto disk = std::make_unique<MemoryFile>("disk");
  disk->resize(kDiskSize);
  command.push_back(disk->path());
  run_quietly(command);
  return disk;
}

std::vector<std::string> qemu_command(const Machine& machine, const MemoryFile& console,
                                      const MemoryFile* disk) {
  // An oops ends the machine, so that it is the oops of the case that ran. Watchdogs know nothing about a
  // host that is busy.
  const std::string append =
      "console=ttyS0 loglevel=5 panic=-1 oops=panic nowatchdog rcupdate.rcu_cpu_stall_suppress=1 "
      "no_timer_check mitigations=off random.trust_cpu=1 rdinit=/ovlcheck -- vm-init";
  // One core: more than one can panic a recent kernel under TCG while it patches its own code. No KVM where
  // guests hang.
  std::vector<std::string> command = {"/usr/bin/setpriv",
                                      "--pdeathsig",
                                      "KILL",
                                      "qemu-system-x86_64",
                                      "-nodefaults",
                                      "-no-user-config",
                                      "-display",
                                      "none",
                                      "-no-reboot",
                                      "-machine",
                                      "q35",
                                      "-accel",
                                      machine.accelerator,
                                      "-smp",
                                      "1",
                                      "-m",
                                      std::to_string(machine.memory),
                                      "-kernel",
                                      machine.kernel,
                                      "-initrd",
                                      machine.initramfs->path(),
                                      "-append",
                                      append,
                                      "-chardev",
                                      "file,id=console,path=" + console.path(),
                                      "-serial",
                                      "chardev:console",
                                      "-chardev",
                                      "stdio,id=line,signal=off",
                                      "-device",
                                      "virtio-serial-pci",
                                      "-device",
                                      std::string("virtserialport,chardev=line,name=") + kPortName};
  if (disk)
    command.insert(command.end(), {"-drive", "file=" + disk->path() +
                                                 ",format=raw,if=virtio,cache=unsafe,file.locking=off"});
  return command;
}

}  // namespace ovlcheck
