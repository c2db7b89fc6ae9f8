#include <gtest/gtest.h>

#include "harness/judge/judge.h"
#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

const Json kOld = {{"f", "old"}}, kNew = {{"f", "new"}};

View showing(const Json& tree) {
  return {"", tree_of(tree)};
}

Observation exchanged(const Json& live, const View& other, const View& own) {
  Observation all = seen({did()}, {{"merged", tree_of(live)}});
  all.exchanged = other;
  all.remounted = own;
  return all;
}

Outcome judged(const Observation& observation) {
  return judge_exchange(case_of({{{"stat", "f"}}}), observation, "kernel");
}

TEST(Exchange, TheSameViewPasses) {
  EXPECT_EQ(judged(exchanged(kNew, showing(kNew), showing(kNew))).verdict, Verdict::pass);
}

TEST(Exchange, AnotherViewFailsWithTheDifference) {
  const Outcome outcome = judged(exchanged(kNew, showing(kOld), showing(kNew)));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].where, "exchange");
  EXPECT_EQ(outcome.deviations[0].step, "mount the layers with kernel");
  ASSERT_EQ(outcome.deviations[0].tree.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].tree[0].path, "f");
  EXPECT_EQ(outcome.deviations[0].tree[0].what, "content");
}

TEST(Exchange, WhatAnyMountForgetsIsNoDifference) {
  EXPECT_EQ(judged(exchanged(kNew, showing(kOld), showing(kOld))).verdict, Verdict::pass);
}

TEST(Exchange, TimesAreThoseOfTheLayers) {
  const auto at = [](int64_t seconds) { return Json{{"f", {{"file", ""}, {"mtime", seconds}}}}; };
  EXPECT_EQ(judged(exchanged(at(1700000000), showing(at(1700000001)), showing(at(1700000000)))).verdict,
            Verdict::fail);
}

TEST(Exchange, BothRefuseOrBothMount) {
  const View refused = {"Invalid argument", {}};
  EXPECT_EQ(judged(exchanged(kNew, refused, refused)).verdict, Verdict::pass);
  const Outcome outcome = judged(exchanged(kNew, refused, showing(kNew)));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].observed, "Invalid argument");
  EXPECT_EQ(judged(exchanged(kNew, showing(kNew), refused)).verdict, Verdict::fail);
}

TEST(Exchange, WhatWasNotExchangedIsASkip) {
  Observation none = seen({did()});
  none.not_exchanged = "nothing was mounted";
  const Outcome outcome = judged(none);
  EXPECT_EQ(outcome.verdict, Verdict::skip);
  EXPECT_EQ(outcome.reason, "nothing was mounted");
}

}  // namespace
}  // namespace ovlcheck
