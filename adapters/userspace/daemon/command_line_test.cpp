#include "adapters/userspace/daemon/command_line.h"

#include <gtest/gtest.h>

namespace userlay {
namespace {

TEST(CommandLine, IsUnderstoodAsPeopleWriteIt) {
  const auto line =
      parse_command_line({"-f", "-o", "lowerdir=/a:/b,upperdir=/u,allow_other", "-oworkdir=/w", "/m"});
  ASSERT_TRUE(line) << line.error();
  EXPECT_TRUE(line->foreground);
  EXPECT_EQ(line->mount_point, "/m");
  EXPECT_EQ(line->overlay_options, "lowerdir=/a:/b,upperdir=/u,workdir=/w");
  EXPECT_EQ(line->fuse_options, std::vector<std::string>{"allow_other"});
}

TEST(CommandLine, IsUnderstoodAsMountWritesIt) {
  const auto line = parse_command_line({"none", "/m", "-o", "rw,lowerdir=/a,x-systemd.automount,nofail"});
  ASSERT_TRUE(line) << line.error();
  EXPECT_EQ(line->mount_point, "/m");
  EXPECT_EQ(line->overlay_options, "lowerdir=/a");
  EXPECT_EQ(line->fuse_options, std::vector<std::string>{"rw"});
}

TEST(CommandLine, KeepsEscapedCommas) {
  EXPECT_EQ(parse_command_line({"/m", "-o", "lowerdir=/a\\,b,index=on"})->overlay_options,
            "lowerdir=/a\\,b,index=on");
}

TEST(CommandLine, LeavesAFlagWithAValueToBeRefused) {
  const auto line = parse_command_line({"/m", "-o", "lowerdir=/a,default_permissions=1,fsname=x"});
  ASSERT_TRUE(line) << line.error();
  EXPECT_EQ(line->overlay_options, "lowerdir=/a,default_permissions=1");
  EXPECT_EQ(line->fuse_options, std::vector<std::string>{"fsname=x"});
}

TEST(CommandLine, TellsWhatIsWrong) {
  EXPECT_NE(parse_command_line({}).error().find("mount point"), std::string::npos);
  EXPECT_NE(parse_command_line({"/m"}).error().find("lowerdir"), std::string::npos);
  EXPECT_NE(parse_command_line({"/m", "-x"}).error().find("-x"), std::string::npos);
  EXPECT_NE(parse_command_line({"/m", "-o"}).error().find("-o"), std::string::npos);
  EXPECT_NE(parse_command_line({"a", "b", "c", "-o", "lowerdir=/a"}).error().find("c"), std::string::npos);
}

}  // namespace
}  // namespace userlay
