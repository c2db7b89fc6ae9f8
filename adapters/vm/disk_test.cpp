#include "adapters/vm/disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

namespace ovlcheck {
namespace {

// What the kernel knows a file system by, and where it is.
const std::map<std::string, std::pair<size_t, std::string>> kMagic = {{"ext4", {1024 + 0x38, "\x53\xef"}},
                                                                      {"xfs", {0, "XFSB"}},
                                                                      {"btrfs", {0x10040, "_BHRfS_M"}},
                                                                      {"erofs", {1024, "\xe2\xe1\xf5\xe0"}},
                                                                      {"squashfs", {0, "hsqs"}}};

void expect_magic(const MemoryFile& file, const std::string& fs) {
  const auto& [offset, magic] = kMagic.at(fs);
  EXPECT_EQ(file.read().substr(offset, magic.size()), magic) << fs;
}

TEST(Disk, HasTheFileSystemAskedFor) {
  for (const auto& fs : disk_file_systems()) expect_magic(*make_disk(fs), fs);
}

TEST(Disk, OfAnUnknownFileSystemIsRefused) {
  EXPECT_THROW(make_disk("fat"), std::runtime_error);
  EXPECT_THROW(make_image("ext4", "/"), std::runtime_error);
}

TEST(Image, HoldsADirectory) {
  std::string directory = std::filesystem::temp_directory_path() / "ovlcheck-image-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/some-name") << "x";
  for (const auto& fs : image_file_systems()) {
    try {
      expect_magic(*make_image(fs, directory), fs);
    } catch (const std::runtime_error& missing) {
      EXPECT_NE(std::string(missing.what()).find("apt-get install"), std::string::npos) << missing.what();
    }
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace ovlcheck
