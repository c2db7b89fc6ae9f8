// MachineSelection: which kernels a command boots, and how.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "adapters/vm/machine.h"

namespace ovlcheck {

struct MachineSelection {
  std::vector<std::string> kernels, modules;
  unsigned memory = 512;  // MiB
  std::string accelerator = "auto";

  void add_options(CLI::App& command);
  // One machine per kernel. Throws std::invalid_argument on bad options, std::runtime_error on files that
  // cannot be read.
  std::vector<Machine> make() const;
};

// Throws std::invalid_argument, with the choices, if no disk can be made with that file system here.
void check_disk_file_system(const std::string& fs);

}  // namespace ovlcheck
