#include "harness/bench/userlay/table.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Table, ShowsMediansAndRatiosAndADashForWhatIsMissing) {
  const std::vector<Measured> rows = {
      {"stat", Demand::kTwice, {{kKernel, {1e-6, 2e-6, 3e-6}}, {kUserlay, {4e-6}}, {kRival, {16e-6}}}}};
  const std::string text = table(rows, {kKernel, kUserlay, "other"});
  EXPECT_NE(text.find("|           2 us |           4 us |              - |"), std::string::npos) << text;
  EXPECT_NE(text.find("|              2.00 |              0.25 |                 - |"), std::string::npos)
      << text;
}

TEST(Table, NamesTheRowsThatMissTheirDemand) {
  EXPECT_TRUE(misses({{"stat", Demand::kTwice, {{kUserlay, {1}}, {kRival, {2}}}}}).empty());
  EXPECT_EQ(misses({{"stat", Demand::kTwice, {{kUserlay, {1}}, {kRival, {1.5}}}}}),
            std::vector<std::string>{"stat: 0.67 times fuse-overlayfs's time, 0.50 allowed"});
  EXPECT_TRUE(misses({{"read", Demand::kNotSlower, {{kUserlay, {1.04}}, {kRival, {1}}}}}).empty());
  EXPECT_EQ(misses({{"read", Demand::kNotSlower, {{kUserlay, {1.2}}, {kRival, {1}}}}}).size(), 1u);
  EXPECT_EQ(misses({{"write", Demand::kNearKernel, {{kUserlay, {1.6}}, {kKernel, {1}}, {kRival, {2}}}}}),
            std::vector<std::string>{"write: 1.60 times the kernel's time, 1.50 allowed"});
}

}  // namespace
}  // namespace ovlcheck
