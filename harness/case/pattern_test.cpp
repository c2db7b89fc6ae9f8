#include "harness/case/pattern.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Pattern, AWordIsAGroup) {
  EXPECT_TRUE(matches_case("rename", "rename/file"));
  EXPECT_TRUE(matches_case("re*", "rename/file"));
  EXPECT_FALSE(matches_case("rename", "renames/file"));
}

TEST(Pattern, BracketsStandForThemselves) {
  EXPECT_TRUE(matches_case("rename/file[both,fifo]", "rename/file[both,fifo]"));
  EXPECT_TRUE(matches_case("rename/file[*,fifo]", "rename/file[both,fifo]"));
  EXPECT_FALSE(matches_case("rename/file[both,fifo]", "rename/fileb"));
}

}  // namespace
}  // namespace ovlcheck
