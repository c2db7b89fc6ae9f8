#include "adapters/vm/machine.h"

#include <filesystem>

#include "adapters/vm/cpio.h"
#include "adapters/vm/decompress.h"
#include "adapters/vm/kernel_image.h"
#include "adapters/vm/modules.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

// The checksums come first: file systems ask for them by algorithm, which is no dependency of a module.
const std::vector<std::string> kModules = {
    "virtio_pci", "virtio_console", "virtio_blk", "crc32c_generic", "libcrc32c", "xxhash_generic", "overlay",
    "fuse",       "ext4",           "xfs",        "btrfs"};

void add_file_node(const std::string& name, const MemoryFile& file, std::vector<std::string>& command) {
  command.insert(command.end(), {"-blockdev", "driver=file,node-name=" + name + ",filename=" + file.path() +
                                                  ",locking=off,cache.no-flush=on"});
}

// The guest sees a disk with a write cache, so that it asks for flushes.
void add_drive(const Drive& drive, const std::string& name, std::vector<std::string>& command) {
  add_file_node(name + "-file", *drive.disk, command);
  std::string node = name + "-file";
  if (drive.log) {
    add_file_node(name + "-log", *drive.log, command);
    command.insert(command.end(), {"-blockdev", "driver=blklogwrites,node-name=" + name + "-logged,file=" +
                                                    name + "-file,log=" + name + "-log,log-sector-size=512"});
    node = name + "-logged";
  }
  command.insert(command.end(), {"-blockdev", "driver=raw,node-name=" + name + ",file=" + node, "-device",
                                 "virtio-blk-pci,drive=" + name});
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

Machine make_machine(const std::string& kernel, const std::string& modules,
                     const std::map<std::string, std::string>& programs) {
  Machine machine;
  machine.kernel = fs::absolute(kernel).string();
  machine.release = kernel_release_of_file(kernel);
  CpioWriter writer;
  for (const char* directory : {"bin", "dev", "proc", "sys", "root", "modules"})
    writer.add_directory(directory);
  writer.add_character_device("dev/console", 5, 1);
  for (const auto& [name, path] : programs) writer.add_file("bin/" + name, read_decompressed(path), 0755);
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

std::vector<std::string> qemu_command(const Machine& machine, const MemoryFile& console,
                                      const std::vector<Drive>& drives) {
  // An oops ends the machine, so that it is the oops of the case that ran. Watchdogs know nothing about a
  // host that is busy.
  const std::string append =
      "console=ttyS0 loglevel=5 panic=-1 oops=panic nowatchdog rcupdate.rcu_cpu_stall_suppress=1 "
      "no_timer_check mitigations=off random.trust_cpu=1 rdinit=/bin/ovlcheck -- vm-init";
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
  for (size_t i = 0; i < drives.size(); ++i) add_drive(drives[i], "d" + std::to_string(i), command);
  return command;
}

}  // namespace ovlcheck
