#include "adapters/vm/kernel_image.h"

#include <fstream>
#include <stdexcept>

namespace ovlcheck {
namespace {

constexpr size_t kSetup = 0x200, kMagic = 0x202, kVersion = 0x20E;

}  // namespace

std::string kernel_release(std::string_view image) {
  if (image.size() < kVersion + 2 || image.substr(kMagic, 4) != "HdrS")
    throw std::runtime_error("not a Linux kernel for x86 (bzImage)");
  const size_t offset = kSetup + static_cast<unsigned char>(image[kVersion]) +
                        (static_cast<size_t>(static_cast<unsigned char>(image[kVersion + 1])) << 8);
  if (offset == kSetup || offset >= image.size())
    throw std::runtime_error("the kernel does not tell its version");
  const std::string_view text = image.substr(offset);
  return std::string(text.substr(0, text.find_first_of(std::string_view(" \0", 2))));
}

std::string kernel_release_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  // The offset is 16 bits wide.
  std::string head(0x10400, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  try {
    return kernel_release(head);
  } catch (const std::runtime_error& problem) {
    throw std::runtime_error(path + ": " + problem.what());
  }
}

}  // namespace ovlcheck
