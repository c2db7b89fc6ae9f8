// Negative controls: deliberately broken subjects and hostile cases, each of which must be caught as what it
// is.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

class BrokenSubjects : public testing::Test {
 protected:
  void SetUp() override {
    request_.program = OVLCHECK_PROGRAM;
    request_.step_timeout = 1;
    request_.subjects = {{"kernel", ""}};
    const auto kernel = probe(request_).front();
    if (!kernel.missing.empty()) GTEST_SKIP() << kernel.missing;
  }

  Outcome run(const SubjectRequest& subject, const char* json) {
    Session session(request_, subject);
    return session.run(case_from_json(Json::parse(json), "broken", ""));
  }

  // A subject that is mounted by a shell command in the worker.
  static SubjectRequest mounted_by(const std::string& command) { return {"broken", command}; }

  void need_fuse_overlayfs() {
    PoolRequest request = request_;
    request.subjects = {{"fuse-overlayfs", ""}};
    const auto info = probe(request).front();
    if (!info.missing.empty()) GTEST_SKIP() << info.missing;
  }

  PoolRequest request_;
};

bool deviates_at(const Outcome& outcome, const std::string& where) {
  for (const auto& deviation : outcome.deviations)
    if (deviation.where.find(where) != std::string::npos) return true;
  return false;
}

constexpr const char* kWrite = R"({"id": "w", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
  "steps": [{"put": "f", "data": "new", "flags": "O_TRUNC"}], "after": {"merged": {"f": "new"}, "upper": {"f": "new"}}})";

TEST_F(BrokenSubjects, WritingThroughToLowerBreaksAnInvariant) {
  const Outcome outcome = run(mounted_by("sh -c 'mount --bind $0 $2' {lower} {upper} {mount}"), kWrite);
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  EXPECT_TRUE(deviates_at(outcome, "lower-unchanged"));
  EXPECT_TRUE(deviates_at(outcome, "after upper"));
}

TEST_F(BrokenSubjects, AFailedMountIsADeviationWithTheProgramsWords) {
  const Outcome outcome =
      run(mounted_by("sh -c 'echo no such luck >&2; exit 1' {lower} {upper} {mount}"), kWrite);
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  ASSERT_FALSE(outcome.deviations.empty());
  EXPECT_EQ(outcome.deviations[0].where, "mount");
  EXPECT_NE(outcome.deviations[0].observed.find("no such luck"), std::string::npos)
      << outcome.deviations[0].observed;
}

TEST_F(BrokenSubjects, LayersThatTheKernelReadsOtherwiseAreCaughtByAnExchange) {
  request_.exchange = "kernel";
  // Knows no lower layer: what it shows of upper is not what upper means.
  const char* const append = R"({"id": "x", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
    "upper": {"g": "new"}, "steps": [{"put": "g", "data": "er", "flags": "O_APPEND"}]})";
  const Outcome outcome = run(mounted_by("sh -c 'mount --bind $1 $2' {lower} {upper} {mount}"), append);
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  ASSERT_EQ(outcome.deviations.size(), 1u);
  EXPECT_EQ(outcome.deviations[0].where, "exchange");
  const auto& differences = outcome.deviations[0].tree;
  EXPECT_EQ(std::count(differences.begin(), differences.end(),
                       TreeDifference{"f", "unexpected", "", "file \"old\""}),
            1);
  EXPECT_EQ(run({"userlay", ""}, append).verdict, Verdict::pass);
  EXPECT_EQ(run({"kernel", ""}, append).verdict, Verdict::pass);
  EXPECT_EQ(run({"plain", ""}, append).verdict, Verdict::skip);
}

TEST_F(BrokenSubjects, ADaemonThatDiesIsACrashOfThatStep) {
  need_fuse_overlayfs();
  const Outcome outcome =
      run({"fuse-overlayfs", ""}, R"({"id": "c", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
    "steps": [{"cat": "f"}, {"run": ["pkill", "-9", "fuse-overlayfs"]}, {"cat": "f"}]})");
  EXPECT_EQ(outcome.verdict, Verdict::crash) << outcome.reason;
  EXPECT_EQ(outcome.at_step, "/steps/2") << outcome.reason;
}

TEST_F(BrokenSubjects, ADaemonThatHangsIsATimeoutOfThatStep) {
  need_fuse_overlayfs();
  const Outcome outcome =
      run({"fuse-overlayfs", ""}, R"({"id": "h", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
    "steps": [{"run": ["pkill", "-STOP", "fuse-overlayfs"]}, {"mkdir": "d"}]})");
  EXPECT_EQ(outcome.verdict, Verdict::timeout) << outcome.reason;
  EXPECT_NE(outcome.reason.find("/steps/1"), std::string::npos) << outcome.reason;
}

TEST_F(BrokenSubjects, AStepWithoutAMountIsAnError) {
  const Outcome outcome =
      run({"kernel", ""}, R"({"id": "e", "title": "t", "clauses": ["X-1"], "mounted": false,
    "steps": [{"mkdir": "d"}]})");
  EXPECT_EQ(outcome.verdict, Verdict::error);
  EXPECT_NE(outcome.reason.find("mounted"), std::string::npos) << outcome.reason;
}

TEST_F(BrokenSubjects, ARefusedMountIsAFailureOfThatStep) {
  const Outcome outcome =
      run({"kernel", ""}, R"({"id": "m", "title": "t", "clauses": ["X-1"], "mounted": false,
    "steps": [{"mount": {"no_such_option": "1"}}, {"mkdir": "d"}]})");
  EXPECT_EQ(outcome.verdict, Verdict::fail) << outcome.reason;
  EXPECT_TRUE(deviates_at(outcome, "/steps/0"));
}

TEST_F(BrokenSubjects, AnUnmetRequirementIsASkipWithItsReason) {
  const Outcome outcome =
      run({"kernel", ""}, R"({"id": "s", "title": "t", "clauses": ["X-1"], "requires": {"kernel": ">=99.0"},
    "steps": [{"mkdir": "d"}]})");
  EXPECT_EQ(outcome.verdict, Verdict::skip);
  EXPECT_NE(outcome.reason.find("99.0"), std::string::npos) << outcome.reason;
}

TEST_F(BrokenSubjects, ATimeoutLeavesTheNextCaseAFreshWorker) {
  Session session(request_, {"kernel", ""});
  const Case hanging = case_from_json(
      Json::parse(R"({"id": "h", "title": "t", "clauses": ["X-1"], "steps": [{"run": ["sleep", "30"]}]})"),
      "broken", "");
  const Case good = case_from_json(Json::parse(kWrite), "broken", "");
  EXPECT_EQ(session.run(hanging).verdict, Verdict::timeout);
  EXPECT_EQ(session.run(good).verdict, Verdict::pass);
}

TEST_F(BrokenSubjects, APathCannotLeaveTheMergedDirectory) {
  const Outcome outcome = run({"kernel", ""}, R"({"id": "p", "title": "t", "clauses": ["X-1"],
    "lower": [{"abs": {"symlink": "/etc/passwd"}, "up": {"symlink": "../../../../etc/passwd"}}],
    "steps": [{"cat": "abs", "expect": "ENOENT"}, {"cat": "up", "expect": "ENOENT"}, {"cat": "../../../etc/passwd", "expect": "ENOENT"},
              {"put": "/escaped", "data": "x", "flags": "O_CREAT"}],
    "after": {"merged": {"...": true, "escaped": "x"}}})");
  EXPECT_EQ(outcome.verdict, Verdict::pass)
      << (outcome.deviations.empty() ? outcome.reason : outcome.deviations[0].observed);
}

}  // namespace
}  // namespace ovlcheck
