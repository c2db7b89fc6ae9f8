// Modules: which modules of a kernel package must be loaded, in which order, and their contents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck {

struct KernelModule {
  std::string name;     // with underscores, as in /proc/modules
  std::string content;  // decompressed
};

// What a module says in its .modinfo section.
struct ModuleInfo {
  std::vector<std::string> depends;
};
ModuleInfo module_info(std::string_view content);

// "crc32c-intel.ko.xz" -> "crc32c_intel"; "" if it is no module.
std::string module_name(std::string_view file_name);

// The modules `wanted` that the package in `directory` (".../lib/modules/RELEASE") has, each after those it
// depends on. What the kernel has built in, or does not have at all, is left out: whether that matters shows
// when it runs. Dependencies are read from the modules themselves, so that no depmod must have run. Throws
// std::runtime_error if `directory` is none of a kernel's or a module cannot be read.
std::vector<KernelModule> load_order(const std::string& directory, const std::vector<std::string>& wanted);

}  // namespace ovlcheck
