#include "adapters/vm/kernel_image.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ovlcheck {
namespace {

std::string image_with(const std::string& version) {
  std::string image(0x400, '\0');
  image.replace(0x202, 4, "HdrS");
  image[0x20E] = '\x40';
  image.replace(0x240, version.size(), version);
  return image;
}

TEST(KernelImage, TellsItsRelease) {
  EXPECT_EQ(kernel_release(image_with("6.1.0-50-amd64 (debian-kernel) #1 SMP")), "6.1.0-50-amd64");
}

TEST(KernelImage, AnythingElseIsRefused) {
  EXPECT_THROW((void)kernel_release("\x7f"
                                    "ELF"),
               std::runtime_error);
  EXPECT_THROW((void)kernel_release(std::string(0x400, '\0')), std::runtime_error);
  std::string nameless = image_with("");
  nameless[0x20E] = '\0';
  EXPECT_THROW((void)kernel_release(nameless), std::runtime_error);
}

}  // namespace
}  // namespace ovlcheck
