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

Missed missed_by(Demand demand, std::map<std::string, std::vector<double>> seconds) {
  return missed({{"row", demand, std::move(seconds)}});
}

TEST(Table, NamesTheRowsThatMissTheirDemand) {
  EXPECT_TRUE(missed_by(Demand::kTwice, {{kUserlay, {1}}, {kRival, {2}}}).misses.empty());
  EXPECT_EQ(missed_by(Demand::kTwice, {{kUserlay, {1}}, {kRival, {1.5}}}).misses,
            std::vector<std::string>{"row: 0.67 times fuse-overlayfs's time, 0.50 allowed"});
  EXPECT_TRUE(missed_by(Demand::kNotSlower, {{kUserlay, {1.04}}, {kRival, {1}}}).misses.empty());
  EXPECT_EQ(missed_by(Demand::kNotSlower, {{kUserlay, {1.2}}, {kRival, {1}}}).misses.size(), 1u);
  EXPECT_EQ(missed_by(Demand::kNearKernel, {{kUserlay, {1.6}}, {kKernel, {1}}, {kRival, {2}}}).misses,
            std::vector<std::string>{"row: 1.60 times the kernel's time, 1.50 allowed"});
}

TEST(Table, WhoDoesNotWaitForTheDiskIsNoMeasure) {
  EXPECT_TRUE(missed_by(Demand::kAsSafe, {{kUserlay, {1}}, {kKernel, {1}}, {kRival, {0.1}}}).misses.empty());
  EXPECT_EQ(missed_by(Demand::kAsSafe, {{kUserlay, {1.6}}, {kKernel, {1}}, {kRival, {9}}}).misses.size(), 1u);
  EXPECT_TRUE(missed_by(Demand::kShown, {{kUserlay, {9}}, {kKernel, {1}}, {kRival, {1}}}).misses.empty());
}

TEST(Table, WhatFuseItselfTakesIsOutOfReach) {
  const Missed rows = missed_by(Demand::kTwice, {{kUserlay, {0.9}}, {kRival, {1}}, {kBounce, {0.8}}});
  EXPECT_TRUE(rows.misses.empty());
  EXPECT_EQ(rows.out_of_reach,
            std::vector<std::string>{"row: 0.90 times fuse-overlayfs's time, 0.50 allowed, and 0.80 for a "
                                     "daemon that does nothing"});
  EXPECT_EQ(missed_by(Demand::kTwice, {{kUserlay, {0.9}}, {kRival, {1}}, {kBounce, {0.4}}}).misses.size(),
            1u);
}

}  // namespace
}  // namespace ovlcheck
