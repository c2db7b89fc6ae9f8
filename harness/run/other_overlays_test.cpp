#include "harness/run/other_overlays.h"

#include <gtest/gtest.h>

#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

TEST(LayerDirectory, FindsWhatThereIs) {
  LayerDirs dirs;
  dirs.lowers = {"lower0", "merged/d"};
  dirs.data = {"data0"};
  dirs.merged = "two.merged";
  EXPECT_EQ(layer_directory(dirs, "merged"), "two.merged");
  EXPECT_EQ(layer_directory(dirs, "lower[1]"), "merged/d");
  EXPECT_EQ(layer_directory(dirs, "data[0]"), "data0");
  EXPECT_EQ(layer_directory(dirs, "lower[2]"), std::nullopt);
  EXPECT_EQ(layer_directory(dirs, "upper"), std::nullopt);
  dirs.upper = "upper";
  EXPECT_EQ(layer_directory(dirs, "upper"), "upper");
}

class SecondOverlay : public testing::Test {
 protected:
  void SetUp() override {
    request_.program = OVLCHECK_PROGRAM;
    request_.subjects = {{"kernel", ""}};
    const auto kernel = probe(request_).front();
    if (!kernel.missing.empty()) GTEST_SKIP() << kernel.missing;
  }

  Outcome run(const std::string& steps, const std::string& after, const char* subject = "kernel") {
    Session session(request_, {subject, ""});
    const std::string json =
        R"({"id": "two", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}], "steps": [)" + steps +
        R"(], "after": )" + after + "}";
    return session.run(case_from_json(Json::parse(json), "overlays", ""));
  }

  PoolRequest request_;
};

TEST_F(SecondOverlay, SharesALowerAndIsTakenDownBeforeTheFirst) {
  const Outcome outcome = run(R"({"overlay": "two", "lower": ["merged"]},
      {"inside": "two", "steps": [{"open": "f", "as": "fd"}, {"put": "f", "data": "new"}]},
      {"tree": "two.upper", "expect": {"f": "new"}}, {"remount": true})",
                              R"({"merged": {"f": "old"}, "two.upper": {"f": "new"}})");
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
}

TEST_F(SecondOverlay, RefusedUnexpectedlyIsADeviationOfItsStep) {
  const Outcome outcome = run(R"({"overlay": "two", "lower": ["merged"], "mount": {"nonsense": "1"}},
      {"inside": "two", "steps": [{"unlink": "f"}]})",
                              R"({"two.merged": {}})");
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].where, "/steps/0");
}

TEST_F(SecondOverlay, WhatItSeesIsJudged) {
  const Outcome outcome = run(R"({"overlay": "two", "lower": ["lower[0]"]},
      {"inside": "two", "steps": [{"cat": "f", "expect": {"data": "other"}}]})",
                              R"({"two.merged": {}})");
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  EXPECT_EQ(outcome.deviations.size(), 2u);
}

TEST_F(SecondOverlay, OverATreeThatIsNotMountedIsASkip) {
  const Outcome outcome = run(R"({"overlay": "two", "lower": ["merged"]})", "{}", "userlay");
  EXPECT_EQ(outcome.verdict, Verdict::skip);
  EXPECT_EQ(outcome.reason, "a layer in merged needs a real mount");
}

}  // namespace
}  // namespace ovlcheck
