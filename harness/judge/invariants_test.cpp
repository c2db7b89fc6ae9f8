#include "harness/judge/invariants.h"

#include <gtest/gtest.h>

#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

using Names = std::vector<std::string>;

Names broken(const Case& c, const Observation& observation) {
  Names names;
  for (const Deviation& deviation : broken_invariants(c, observation)) names.push_back(deviation.where);
  return names;
}

const Names kNone;
const Names kLower = {"invariant lower-unchanged"};
const Names kFailed = {"invariant failed-step-leaves-upper"};
const Names kPrivilege = {"invariant no-gained-privilege"};
const Names kNamesAgree = {"invariant readdir-agrees-with-stat"};

const Json kUnlink = {{"unlink", "f"}};

Json offline(const char* layer) {
  return {{"offline", layer}, {"steps", Json::array({kUnlink})}};
}

TEST(LowerUnchanged, ACleanTracePasses) {
  EXPECT_EQ(broken(case_of({kUnlink}), seen({touching(did(), {"upper"})})), kNone);
}

TEST(LowerUnchanged, CatchesEveryLowerAndDataLayer) {
  for (const char* layer : {"lower[0]", "lower[1]", "data[0]"})
    EXPECT_EQ(broken(case_of({kUnlink}), seen({touching(did(), {layer})})), kLower) << layer;
}

TEST(LowerUnchanged, NamesTheStep) {
  const auto found =
      broken_invariants(case_of({kUnlink, kUnlink}), seen({did(), touching(did(), {"lower[0]"})}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].observed, "lower[0] changed during /steps/1");
}

TEST(LowerUnchanged, OfflineMayChangeItsOwnLayerOnly) {
  StepResult result = with_tracks({{touching(did(), {"lower[0]"})}});
  result.touched = {"lower[0]"};
  EXPECT_EQ(broken(case_of({offline("lower[0]")}), seen({result})), kNone);
  result.touched = {"lower[1]"};
  EXPECT_EQ(broken(case_of({offline("lower[0]")}), seen({result})), kLower);
  EXPECT_EQ(broken(case_of({offline("upper")}), seen({result})), kLower);
}

TEST(LowerUnchanged, LooksIntoParallelTracks) {
  const Case c = case_of({{{"parallel", Json::array({Json::array({kUnlink})})}}});
  EXPECT_EQ(broken(c, seen({with_tracks({{touching(did(), {"lower[0]"})}})})), kLower);
}

TEST(FailedStepLeavesUpper, CatchesAChange) {
  EXPECT_EQ(broken(case_of({kUnlink}), seen({touching(failed_with(EIO), {"upper"})})), kFailed);
}

TEST(FailedStepLeavesUpper, AllowsWhatIsNoChangeOfUpperOrIsAnnounced) {
  EXPECT_EQ(broken(case_of({kUnlink}), seen({failed_with(EIO)})), kNone);
  EXPECT_EQ(broken(case_of({kUnlink}), seen({touching(failed_with(EIO), {"work"})})), kNone);
  EXPECT_EQ(broken(case_of({{{"unlink", "f"}, {"copies_up", true}}}),
                   seen({touching(failed_with(EIO), {"upper"})})),
            kNone);
}

TEST(FailedStepLeavesUpper, AMountThatFailsAfterAnOfflineChangeIsNotMeant) {
  const StepResult failed = touching(failed_with(ESTALE), {"upper"});
  EXPECT_EQ(broken(case_of({offline("upper")}), seen({failed})), kNone);
  EXPECT_EQ(broken(case_of({offline("lower[0]")}), seen({failed})), kFailed);
  EXPECT_EQ(broken(case_of({{{"remount", true}}}), seen({failed})), kFailed);
}

const Json kPlainFile = {{"f", {{"file", "x"}, {"mode", "0755"}}}};
const Json kSetUid = {{"f", {{"file", "x"}, {"mode", "04755"}}}};
const Json kTwoSetUid = {{"f", {{"file", "x"}, {"mode", "04755"}}},
                         {"g", {{"file", "x"}, {"mode", "04755"}}}};

// Invariants broken by a run of `step` that led from one merged tree to another.
Names broken_between(const Json& before, const Json& step, const Json& after) {
  return broken(case_of({step}), seen({did()}, {{"before", tree_of(before)}, {"merged", tree_of(after)}}));
}

TEST(NoGainedPrivilege, CatchesBitsThatNobodySet) {
  EXPECT_EQ(broken_between(kPlainFile, kUnlink, kSetUid), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, kUnlink, {{"f", {{"file", "x"}, {"mode", "02755"}}}}), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, {{"chmod", "f"}, {"mode", "0755"}}, kSetUid), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, {{"chmod", "f"}, {"mode", "01755"}}, kSetUid), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, {{"chmod", "f"}, {"mode", "755"}}, kSetUid), kPrivilege);
  EXPECT_EQ(broken_between(kSetUid, {{"run", Json::array({"true"})}}, kTwoSetUid), kNone)
      << "may have copied";
  EXPECT_EQ(broken_between(kPlainFile, {{"run", Json::array({"true"})}}, kSetUid), kPrivilege);
}

TEST(NoGainedPrivilege, CatchesCapabilities) {
  const Json capable = {{"f", {{"file", "x"}, {"xattrs", {{"security.capability", "c"}}}}}};
  auto setxattr = [](const char* name) { return Json{{"setxattr", "f"}, {"name", name}, {"value", "c"}}; };
  EXPECT_EQ(broken_between(kPlainFile, setxattr("user.a"), capable), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, setxattr("security.capability"), capable), kNone);
}

TEST(NoGainedPrivilege, WithoutASnapshotBeforeNothingHadAny) {
  EXPECT_EQ(broken(case_of({kUnlink}), seen({did()}, {{"merged", tree_of(kSetUid)}})), kPrivilege);
}

TEST(NoGainedPrivilege, AllowsWhatStepsGrantOrKeep) {
  EXPECT_EQ(broken_between(kSetUid, kUnlink, kSetUid), kNone);
  EXPECT_EQ(broken_between(kTwoSetUid, kUnlink, kSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, {{"chmod", "f"}, {"mode", "04755"}}, kSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, {{"mknod", "f"}, {"type", "file"}, {"mode", "02755"}}, kSetUid),
            kNone);
  EXPECT_EQ(broken_between(kSetUid, {{"link", {"f", "g"}}}, kTwoSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, offline("lower[0]"), kSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, {{"remount", true}, {"order", {1, 0}}}, kSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, {{"mount", Json::object()}, {"order", {1, 0}}}, kSetUid), kNone);
  EXPECT_EQ(broken_between(kPlainFile, {{"remount", true}}, kSetUid), kPrivilege);
  EXPECT_EQ(broken_between(kPlainFile, kUnlink, {{"d/", {{".", {{"mode", "02755"}}}}}}), kNone)
      << "directories";
}

TEST(NoGainedPrivilege, AStepThatFailedGrantsNothing) {
  const Case c = case_of({{{"chmod", "f"}, {"mode", "04755"}}});
  EXPECT_EQ(broken(c, seen({failed_with(EPERM)}, {{"merged", tree_of(kSetUid)}})), kPrivilege);
}

const Json kTroubled = {{"d/", {{"f", {{"file", "x"}, {"trouble", "stat fails with ENOENT"}}}}}};

TEST(ReaddirAgreesWithStat, CatchesTroubleInMerged) {
  const auto found = broken_invariants(case_of({kUnlink}), seen({did()}, {{"merged", tree_of(kTroubled)}}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].where, kNamesAgree[0]);
  EXPECT_EQ(found[0].tree, (std::vector<TreeDifference>{{"d/f", "trouble", "", "stat fails with ENOENT"}}));
}

TEST(ReaddirAgreesWithStat, CatchesTroubleInATreeStep) {
  auto look = [](const char* layer) { return case_of({{{"tree", layer}, {"expect", {{"...", true}}}}}); };
  EXPECT_EQ(broken(look("merged"), seen({did(kTroubled)})), kNamesAgree);
  EXPECT_EQ(broken(look("upper"), seen({did(kTroubled)})), kNone);
}

}  // namespace
}  // namespace ovlcheck
