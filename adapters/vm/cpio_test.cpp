#include "adapters/vm/cpio.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Cpio, WritesHeaderNameAndContentPaddedToFourBytes) {
  CpioWriter writer;
  writer.add_file("ab", "hello", 0755);
  const std::string archive = writer.finish();
  EXPECT_EQ(archive.substr(0, 110),
            "070701"
            "00000001"
            "000081ED"
            "00000000"
            "00000000"
            "00000001"
            "00000000"
            "00000005"
            "00000000"
            "00000000"
            "00000000"
            "00000000"
            "00000003"
            "00000000");
  EXPECT_EQ(archive.substr(110, 6), std::string("ab\0\0\0\0", 6).substr(0, 6));
  EXPECT_EQ(archive.substr(116, 8), std::string("hello\0\0\0", 8));
  EXPECT_EQ(archive.substr(124, 6), "070701");
}

TEST(Cpio, EndsWithATrailer) {
  const std::string archive = CpioWriter().finish();
  EXPECT_EQ(archive.size(), 124u);
  EXPECT_EQ(archive.substr(110, 10), "TRAILER!!!");
}

TEST(Cpio, KnowsDirectoriesAndDevices) {
  CpioWriter writer;
  writer.add_directory("dev");
  writer.add_character_device("dev/console", 5, 1);
  const std::string archive = writer.finish();
  EXPECT_EQ(archive.substr(14, 8), "000041ED");
  const size_t second = 116;  // 110 bytes of header, "dev" and its end, padded
  EXPECT_EQ(archive.substr(second + 14, 8), "00002180");
  EXPECT_EQ(archive.substr(second + 6 + 9 * 8, 16), "0000000500000001");
}

}  // namespace
}  // namespace ovlcheck
