#include "harness/judge/judge.h"

#include <gtest/gtest.h>

#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

const Json kStat = {{"stat", "f"}};
const Json kExdev = {{"rename", {"d", "e"}}, {"expect", "EXDEV"}};

Outcome judged(const Case& c, const Observation& observation, bool has_layers = true) {
  return judge(c, observation, facts(), has_layers);
}

std::vector<std::string> places(const Outcome& outcome) {
  std::vector<std::string> names;
  for (const Deviation& deviation : outcome.deviations) names.push_back(deviation.where);
  return names;
}

using Places = std::vector<std::string>;

TEST(Judge, PassesWhatIsAsItMustBe) {
  Observation observation = seen({failed_with(EXDEV), did()});
  observation.seconds = 0.5;
  const Outcome outcome = judged(case_of({kExdev, kStat}), observation);
  EXPECT_EQ(outcome.verdict, Verdict::pass);
  EXPECT_EQ(outcome.case_name, "g/c");
  EXPECT_EQ(outcome.title, "t");
  EXPECT_EQ(outcome.clauses, std::vector<std::string>{"RENAME-1"});
  EXPECT_EQ(outcome.seconds, 0.5);
}

TEST(Judge, FailsEveryStepThatDeviates) {
  const Outcome outcome = judged(case_of({kExdev, kStat, kStat}), seen({did(), did(), failed_with(ENOENT)}));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  EXPECT_EQ(places(outcome), (Places{"/steps/0", "/steps/2"}));
  EXPECT_EQ(outcome.deviations[0].expected, "EXDEV");
  EXPECT_EQ(outcome.deviations[0].observed, "ok");
  EXPECT_FALSE(outcome.deviations[0].step.empty());
}

TEST(Judge, JudgesStepsInTracks) {
  const Case parallel =
      case_of({{{"parallel", Json::array({Json::array({kStat}), Json::array({kStat, kExdev})})}}});
  EXPECT_EQ(judged(parallel, seen({with_tracks({{did()}, {did(), failed_with(EXDEV)}})})).verdict,
            Verdict::pass);
  const Outcome outcome = judged(parallel, seen({with_tracks({{did()}, {did(), failed_with(EIO)}})}));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].expected, "EXDEV");
  const Case offline = case_of({{{"offline", "upper"}, {"steps", Json::array({kStat})}}});
  EXPECT_EQ(judged(offline, seen({with_tracks({{failed_with(ENOENT)}})})).verdict, Verdict::fail);
}

TEST(Judge, AStepThatDidNotRunIsAnError) {
  for (const auto& results : {std::vector<StepResult>{did()}, std::vector<StepResult>{did(), StepResult{}}}) {
    const Outcome outcome = judged(case_of({kStat, kStat}), seen(results));
    EXPECT_EQ(outcome.verdict, Verdict::error);
    EXPECT_EQ(outcome.at_step, "/steps/1");
    EXPECT_FALSE(outcome.step.empty());
  }
  const Case parallel = case_of({{{"parallel", Json::array({Json::array({kStat})})}}});
  EXPECT_EQ(judged(parallel, seen({did()})).verdict, Verdict::error);
  EXPECT_EQ(judged(parallel, seen({with_tracks({{}})})).verdict, Verdict::error);
}

TEST(Judge, ASkippedStepSkipsTheCase) {
  StepResult skipped = did();
  skipped.skip = "no such operation";
  const Outcome outcome = judged(case_of({kStat, kExdev, kStat}), seen({did(), skipped}));
  EXPECT_EQ(outcome.verdict, Verdict::skip);
  EXPECT_EQ(outcome.reason, "no such operation");
  EXPECT_EQ(outcome.at_step, "/steps/1");
  const Case parallel = case_of({{{"parallel", Json::array({Json::array({kStat})})}}});
  EXPECT_EQ(judged(parallel, seen({with_tracks({{skipped}})})).verdict, Verdict::skip);
}

TEST(Judge, WhatDeviatedBeforeIsCertain) {
  StepResult skipped = did();
  skipped.skip = "no such operation";
  for (const StepResult& second : {skipped, StepResult{}}) {
    const Outcome outcome = judged(case_of({kExdev, kStat}), seen({did(), second}));
    EXPECT_EQ(outcome.verdict, Verdict::fail);
    EXPECT_EQ(places(outcome), Places{"/steps/0"});
    EXPECT_EQ(outcome.reason + outcome.at_step + outcome.step, "");
  }
}

TEST(Judge, EndsOfTheRunBecomeVerdicts) {
  const std::pair<End, Verdict> kEnds[] = {{End::skip, Verdict::skip},
                                           {End::error, Verdict::error},
                                           {End::timeout, Verdict::timeout},
                                           {End::crash, Verdict::crash}};
  for (const auto& [end, verdict] : kEnds) {
    Observation observation = seen({did()});
    observation.end = end;
    observation.reason = "why";
    observation.at_step = "/steps/1";
    const Outcome outcome = judged(case_of({kExdev, kStat}), observation);
    EXPECT_EQ(outcome.verdict, verdict);
    EXPECT_EQ(outcome.reason, "why");
    EXPECT_EQ(outcome.at_step, "/steps/1");
    EXPECT_FALSE(outcome.step.empty());
  }
}

TEST(Judge, AMountThatFailedIsADeviation) {
  Observation observation = seen({});
  observation.mount_error = "EINVAL: bad option";
  const Outcome outcome = judged(case_of({kStat}), observation);
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  EXPECT_EQ(places(outcome), Places{"mount"});
}

TEST(Judge, ACaseThatCannotBeJudgedIsAnError) {
  const Case c = case_of({{{"stat", "f"}, {"expect", {{"ino", {{"same_as", "nobody.ino"}}}}}}});
  const Outcome outcome = judged(c, seen({did({{"ino", 1}})}));
  EXPECT_EQ(outcome.verdict, Verdict::error);
  EXPECT_NE(outcome.reason.find("nobody.ino"), std::string::npos);
}

TEST(Judge, InvariantsAreCheckedUnasked) {
  const Outcome outcome = judged(case_of({kStat}), seen({touching(did(), {"lower[0]"})}));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  EXPECT_EQ(places(outcome), Places{"invariant lower-unchanged"});
}

const Json kWantsUpper = {{"after", {{"merged", {{"f", "x"}}}, {"upper", {{"f", "x"}}}}}};

TEST(After, ComparesEveryLayer) {
  const Case c = case_of({kStat}, kWantsUpper);
  const Tree good = tree_of({{"f", "x"}}), bad = tree_of({{"f", "y"}});
  EXPECT_EQ(judged(c, seen({did()}, {{"merged", good}, {"upper", good}})).verdict, Verdict::pass);
  EXPECT_EQ(places(judged(c, seen({did()}, {{"merged", bad}, {"upper", good}}))), Places{"after merged"});
  const Outcome outcome = judged(c, seen({did()}, {{"merged", good}, {"upper", bad}}));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  ASSERT_EQ(places(outcome), Places{"after upper"});
  EXPECT_EQ(outcome.deviations[0].tree, (std::vector<TreeDifference>{{"f", "content", "\"x\"", "\"y\""}}));
}

TEST(After, ALayerThatWasNotLookedAtIsAnError) {
  const Outcome outcome =
      judged(case_of({kStat}, kWantsUpper), seen({did()}, {{"merged", tree_of({{"f", "x"}})}}));
  EXPECT_EQ(outcome.verdict, Verdict::error);
  EXPECT_EQ(outcome.reason, "upper was not looked at after the steps");
}

TEST(After, OnlyMergedCountsWithoutLayers) {
  const Case c = case_of({kStat, {{"tree", "upper"}, {"expect", {{"g", "x"}}}}}, kWantsUpper);
  const Observation good = seen({did(), did(Json::object())}, {{"merged", tree_of({{"f", "x"}})}});
  EXPECT_EQ(judged(c, good, false).verdict, Verdict::pass);
  EXPECT_EQ(judged(c, good, true).verdict, Verdict::fail);
  EXPECT_EQ(judged(c, seen({did(), did(Json::object())}), false).verdict, Verdict::fail);
}

TEST(After, MayDependOnConditions) {
  const Json on = {{"merged", {{"f", "x"}}}}, off = {{"merged", Json::object()}};
  const Json condition = {{"options", {{"redirect_dir", "off"}}}};
  const Case c = case_of({kStat}, {{"after", {{"if", condition}, {"then", off}, {"else", on}}}});
  EXPECT_EQ(judged(c, seen({did()}, {{"merged", tree_of({{"f", "x"}})}})).verdict, Verdict::pass);
  EXPECT_EQ(judged(c, seen({did()})).verdict, Verdict::fail);
  const Case without_else = case_of({kStat}, {{"after", {{"if", condition}, {"then", off}}}});
  EXPECT_EQ(judged(without_else, seen({did()}, {{"merged", tree_of({{"f", "x"}})}})).verdict, Verdict::pass);
}

}  // namespace
}  // namespace ovlcheck
