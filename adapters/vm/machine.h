// Machine: what a virtual machine of one kernel is made of, and the command line of QEMU that boots it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/vm/memory_file.h"

namespace ovlcheck {

struct Machine {
  std::string kernel;   // path of its image
  std::string release;  // what that image says `uname -r` will be
  std::shared_ptr<const MemoryFile> initramfs;
  unsigned memory = 512;            // MiB
  std::string accelerator = "tcg";  // "tcg" or "kvm"
};

// Where the modules of a kernel usually are: beside the image, in the tree the image was unpacked in, or
// where the host keeps those it runs. "" if nowhere.
std::string find_modules(const std::string& kernel, const std::string& release);

// Reads the kernel and packs an initramfs of static `programs` (name in /bin to path here), among them
// "ovlcheck", which is run as `/bin/ovlcheck vm-init`, and the modules in `modules` ("" = none) that suites
// may need. Throws std::runtime_error.
Machine make_machine(const std::string& kernel, const std::string& modules,
                     const std::map<std::string, std::string>& programs);

// A disk of a virtual machine.
struct Drive {
  const MemoryFile* disk = nullptr;
  const MemoryFile* log = nullptr;  // takes every write to it (write_log.h); null = none
};

// Program and arguments. The drives become /dev/vda, /dev/vdb, ... The frames of the machine go over QEMU's
// standard input and output, what the kernel logs to `console`. QEMU dies with the thread that starts it.
std::vector<std::string> qemu_command(const Machine& machine, const MemoryFile& console,
                                      const std::vector<Drive>& drives);

// The name of the port in /sys/class/virtio-ports.
constexpr const char* kPortName = "ovlcheck";

}  // namespace ovlcheck
