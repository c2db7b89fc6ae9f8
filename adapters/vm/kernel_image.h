// KernelImage: what a Linux kernel image says of itself.
#pragma once

#include <string>
#include <string_view>

namespace ovlcheck {

// What `uname -r` will say when this x86 image (bzImage) runs, e.g. "6.1.0-50-amd64", read from its setup
// header (Documentation/arch/x86/boot.rst, kernel_version). Throws std::runtime_error if it is none.
std::string kernel_release(std::string_view image);

// The same of a file; throws also if it cannot be read.
std::string kernel_release_of_file(const std::string& path);

}  // namespace ovlcheck
