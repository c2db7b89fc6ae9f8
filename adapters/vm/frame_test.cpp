#include "adapters/vm/frame.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Frame, ChecksumIsThatOfZlib) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
}

TEST(Frame, ComesBackAsItWasSent) {
  std::string line = to_line(FrameKind::line, R"({"request":1})");
  ASSERT_EQ(line.back(), '\n');
  line.pop_back();
  const auto frame = frame_from_line(line);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, FrameKind::line);
  EXPECT_EQ(frame->payload, R"({"request":1})");
}

TEST(Frame, IsOneLineWhateverItCarries) {
  const std::string line = to_line(FrameKind::splat, "a\nb");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(Frame, EveryDamagedByteIsNoticed) {
  std::string line = to_line(FrameKind::line, "payload");
  line.pop_back();
  for (size_t i = 0; i < line.size(); ++i) {
    std::string damaged = line;
    damaged[i] = damaged[i] == '~' ? '!' : '~';
    EXPECT_FALSE(frame_from_line(damaged)) << damaged;
    EXPECT_FALSE(frame_from_line(line.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace ovlcheck
