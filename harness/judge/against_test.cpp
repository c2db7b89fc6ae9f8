#include <gtest/gtest.h>

#include "harness/judge/judge.h"
#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

const Json kStat = {{"stat", "f"}};

// The verdict on a step that did `ours` where the reference did `theirs`.
Verdict against(const StepResult& ours, const StepResult& theirs, const Json& step = kStat) {
  return judge_against(case_of({step}), seen({ours}), seen({theirs}), true).verdict;
}

// The same for two trees of merged.
Verdict trees(const Json& ours, const Json& theirs) {
  return judge_against(case_of({kStat}), seen({did()}, {{"merged", tree_of(ours)}}),
                       seen({did()}, {{"merged", tree_of(theirs)}}), true)
      .verdict;
}

TEST(Against, StepResultsMustAgree) {
  EXPECT_EQ(against(did({{"size", 5}}), did({{"size", 5}})), Verdict::pass);
  EXPECT_EQ(against(did({{"size", 5}}), did({{"size", 6}})), Verdict::fail);
  EXPECT_EQ(against(failed_with(EIO), failed_with(EIO)), Verdict::pass);
  EXPECT_EQ(against(failed_with(EIO), failed_with(EPERM)), Verdict::fail);
  EXPECT_EQ(against(did(), failed_with(EPERM)), Verdict::fail);
  EXPECT_EQ(against(did({{"data", "x"}}), did()), Verdict::fail);
}

TEST(Against, TellsBothSides) {
  const Outcome outcome =
      judge_against(case_of({kStat}), seen({failed_with(EIO)}), seen({did({{"size", 6}})}), true);
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].where, "/steps/0");
  EXPECT_EQ(outcome.deviations[0].expected, "ok, size 6");
  EXPECT_EQ(outcome.deviations[0].observed, "EIO");
}

TEST(Against, IdentitiesAndVolatileMembersDoNotCount) {
  EXPECT_EQ(
      against(did({{"type", "file"}, {"ino", 5}, {"dev", 1}, {"blocks", 8}, {"ctime", {1700000000, 5}}}),
              did({{"type", "file"}, {"ino", 6}, {"dev", 2}, {"blocks", 0}, {"ctime", {1800000000, 5}}})),
      Verdict::pass);
  EXPECT_EQ(against(did({{"type", "dir"}, {"size", 40}, {"nlink", 2}}),
                    did({{"type", "dir"}, {"size", 60}, {"nlink", 1}})),
            Verdict::pass);
  EXPECT_EQ(against(did({{"type", "file"}, {"nlink", 2}}), did({{"type", "file"}, {"nlink", 1}})),
            Verdict::fail);
  EXPECT_EQ(
      against(did({{"type", "file"}, {"size", 1700000000}}), did({{"type", "file"}, {"size", 1800000000}})),
      Verdict::fail)
      << "only times can be of the run";
  EXPECT_EQ(against(did({{"entries", {"a", "b"}}}), did({{"entries", {"b", "a"}}})), Verdict::pass);
  EXPECT_EQ(against(did({{"entries", {"a", "b"}}}), did({{"entries", {"b", "c"}}})), Verdict::fail);
  const Json statfs = {{"statfs", "."}};
  EXPECT_EQ(against(did({{"type", 1}, {"namelen", 255}}), did({{"type", 2}, {"namelen", 255}}), statfs),
            Verdict::pass);
  EXPECT_EQ(against(did({{"type", 1}, {"namelen", 255}}), did({{"type", 1}, {"namelen", 254}}), statfs),
            Verdict::fail);
}

TEST(Against, TimesOfTheRunAgreeWithEachOtherOnly) {
  auto at = [](int64_t seconds) { return did({{"mtime", {seconds, 1}}}); };
  EXPECT_EQ(against(at(1700000000), at(1700000009)), Verdict::pass);
  EXPECT_EQ(against(at(1000000000), at(1700000009)), Verdict::fail);
  EXPECT_EQ(against(at(1000000000), at(1000000001)), Verdict::fail);
  auto tree = [](int64_t seconds) { return Json{{"f", {{"file", ""}, {"mtime", seconds}}}}; };
  EXPECT_EQ(trees(tree(1700000000), tree(1700000009)), Verdict::pass);
  EXPECT_EQ(trees(tree(1000000000), tree(1700000009)), Verdict::fail);
}

TEST(Against, TreesMustAgreeInWhatHasMeaning) {
  auto file = [](const Json& more = Json::object()) {
    Json node = {{"file", "x"}, {"mode", "0644"}};
    node.update(more);
    return Json{{"f", node}};
  };
  EXPECT_EQ(
      trees(file({{"ino", 1}, {"dev", 2}, {"atime", 3}, {"sparse", true}}), file({{"ino", 2}, {"atime", 4}})),
      Verdict::pass);
  EXPECT_EQ(trees(file({{"mode", "0600"}}), file()), Verdict::fail);
  EXPECT_EQ(
      trees({{"l", {{"symlink", "t"}, {"mode", "0777"}}}}, {{"l", {{"symlink", "t"}, {"mode", "0755"}}}}),
      Verdict::pass);
  EXPECT_EQ(trees(file({{"uid", 1}}), file({{"uid", 2}})), Verdict::fail);
  EXPECT_EQ(trees(file({{"xattrs", {{"user.a", "1"}}}}), file()), Verdict::fail);
  EXPECT_EQ(trees(file(), file({{"xattrs", {{"user.a", "1"}}}})), Verdict::fail);
  EXPECT_EQ(trees(file({{"acl", "u::rw-"}}), file()), Verdict::fail);
  EXPECT_EQ(trees(file(), {{"f", "x"}, {"g", "x"}}), Verdict::fail);
  EXPECT_EQ(trees({{"f", "x"}, {"g", "x"}}, {{"f", "x"}}), Verdict::fail);
}

Verdict uppers(const Json& ours, const Json& theirs, bool compare_upper) {
  return judge_against(case_of({kStat}), seen({did()}, {{"upper", tree_of(ours)}}),
                       seen({did()}, {{"upper", tree_of(theirs)}}), compare_upper)
      .verdict;
}

TEST(Against, UpperIsComparedByMeaningIfAsked) {
  const Json one = {{"f", {{"whiteout", "char"}}}, {"d/", {{".", {{"opaque", true}, {"origin", true}}}}}};
  const Json same = {{"f", {{"whiteout", "xattr"}}}, {"d/", {{".", {{"opaque", true}, {"impure", true}}}}}};
  const Json other = {{"f", {{"whiteout", "char"}}}, {"d/", Json::object()}};
  EXPECT_EQ(uppers(one, same, true), Verdict::pass);
  EXPECT_EQ(uppers(same, one, true), Verdict::pass);
  EXPECT_EQ(uppers(one, other, true), Verdict::fail);
  EXPECT_EQ(uppers(one, other, false), Verdict::pass);
  const Observation with_upper = seen({did()}, {{"upper", tree_of(one)}});
  EXPECT_EQ(judge_against(case_of({kStat}), with_upper, seen({did()}), true).verdict, Verdict::pass)
      << "the reference keeps no layers";
}

TEST(Against, TreeStepsAreComparedAsTrees) {
  const Json look = {{"tree", "merged"}, {"expect", {{"...", true}}}};
  EXPECT_EQ(
      against(did({{"f", {{"file", "x"}, {"ino", 1}}}}), did({{"f", {{"file", "x"}, {"ino", 2}}}}), look),
      Verdict::pass);
  EXPECT_EQ(against(did({{"f", "x"}}), did({{"f", "y"}}), look), Verdict::fail);
  EXPECT_EQ(against(did({{"f", "x"}}), failed_with(EIO), look), Verdict::fail);
}

TEST(Against, TreeStepsOnOtherLayersOnlyWhereTheyHaveMeaning) {
  auto looking_at = [](const char* layer, bool compare_upper) {
    const Case c = case_of({{{"tree", layer}, {"expect", {{"...", true}}}}});
    return judge_against(c, seen({did({{"f", "x"}})}), seen({did({{"f", "y"}})}), compare_upper).verdict;
  };
  EXPECT_EQ(looking_at("upper", true), Verdict::fail);
  EXPECT_EQ(looking_at("upper", false), Verdict::pass);
  EXPECT_EQ(looking_at("work", true), Verdict::pass);
}

TEST(Against, TracksAreCompared) {
  const Json parallel = {{"parallel", Json::array({Json::array({kStat})})}};
  EXPECT_EQ(against(with_tracks({{did()}}), with_tracks({{did()}}), parallel), Verdict::pass);
  EXPECT_EQ(against(with_tracks({{did()}}), with_tracks({{failed_with(EIO)}}), parallel), Verdict::fail);
}

TEST(Against, WhatCannotBeComparedIsNoPass) {
  StepResult skipped = did();
  skipped.skip = "no such operation";
  EXPECT_EQ(against(skipped, did()), Verdict::skip);
  EXPECT_EQ(against(did(), skipped), Verdict::skip);
  EXPECT_EQ(against(StepResult{}, did()), Verdict::error);
  EXPECT_EQ(against(did(), StepResult{}), Verdict::error);

  Observation ended = seen({did()});
  ended.end = End::crash;
  ended.reason = "died";
  EXPECT_EQ(judge_against(case_of({kStat}), ended, seen({did()}), true).verdict, Verdict::crash);
  const Outcome outcome = judge_against(case_of({kStat}), seen({did()}), ended, true);
  EXPECT_EQ(outcome.verdict, Verdict::skip);
  EXPECT_EQ(outcome.reason, "the reference did not complete: died");

  Observation unseen = seen({did()});
  unseen.trees.clear();
  EXPECT_EQ(judge_against(case_of({kStat}), unseen, seen({did()}), true).verdict, Verdict::error);
  EXPECT_EQ(judge_against(case_of({kStat}), seen({did()}), unseen, true).verdict, Verdict::error);
}

TEST(Against, AMountThatOnlyOneCanDo) {
  Observation unmounted = seen({});
  unmounted.mount_error = "EINVAL";
  EXPECT_EQ(judge_against(case_of({kStat}), unmounted, seen({did()}), true).verdict, Verdict::fail);
  EXPECT_EQ(judge_against(case_of({kStat}), seen({did()}), unmounted, true).verdict, Verdict::fail);
  EXPECT_EQ(judge_against(case_of({kStat}), unmounted, unmounted, true).verdict, Verdict::pass);
}

}  // namespace
}  // namespace ovlcheck
