// A file system that misbehaves in one way at a time: each must be told as what it is, at the step where it
// happens, in time, and nothing of it may stay behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "harness/run/leftovers.h"
#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

constexpr const char* kCase = R"({"id": "m", "title": "t", "clauses": ["X-1"],
  "lower": [{"f": "old", "d/": {"g": "below"}}],
  "steps": [{"cat": "f", "expect": {"data": "old"}},
            {"mkdir": "e"},
            {"readdir": ".", "expect": {"entries": ["d", "e", "f"]}},
            {"put": "f", "data": "new", "flags": "O_TRUNC"},
            {"unlink": "d/g"}],
  "after": {"merged": {"f": "new", "d/": {}, "e/": {}}}})";

PoolRequest request_for_broken() {
  PoolRequest request;
  request.program = OVLCHECK_PROGRAM;
  request.step_timeout = 2;
  return request;
}

SubjectRequest broken(const std::string& faults) {
  std::string name = "broken " + faults;
  std::replace(name.begin(), name.end(), ':', '#');  // else mount options would begin there
  return {name, "brokenfs " + faults + " {lower} {upper} {mount}"};
}

class Misbehaving : public testing::Test {
 protected:
  void SetUp() override {
    request_.subjects = {broken("")};
    const auto subject = probe(request_).front();
    if (!subject.missing.empty()) GTEST_SKIP() << subject.missing;
    before_ = Leftovers::now();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(before_.difference(std::chrono::seconds(5)), "");
  }

  // Also that the next case of the same session is not disturbed.
  Outcome run(const std::string& faults, const char* json = kCase) {
    const auto start = std::chrono::steady_clock::now();
    Session session(request_, broken(faults));
    Outcome outcome = session.run(case_from_json(Json::parse(json), "broken", ""));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(12)) << faults;
    return outcome;
  }

  PoolRequest request_ = request_for_broken();
  Leftovers before_;
};

std::string all_of(const Outcome& outcome) {
  std::string text =
      std::string(verdict_name(outcome.verdict)) + " " + outcome.at_step + " " + outcome.reason;
  for (const auto& deviation : outcome.deviations) {
    text += "\n" + deviation.where + ": " + deviation.expected + " / " + deviation.observed;
    for (const auto& difference : deviation.tree) text += "\n    " + difference.observed;
  }
  return text;
}

bool says(const Outcome& outcome, const std::string& words) {
  return all_of(outcome).find(words) != std::string::npos;
}

TEST_F(Misbehaving, NotAtAllPasses) {
  const Outcome outcome = run("");
  EXPECT_EQ(outcome.verdict, Verdict::pass) << all_of(outcome);
}

TEST_F(Misbehaving, AHangIsATimeoutOfItsStep) {
  for (const auto& [fault, step] : {std::pair{"hang@open", "/steps/0"},
                                    {"hang@mkdir", "/steps/1"},
                                    {"hang@readdir", "/steps/2"},
                                    {"hang@open:2", "/steps/3"},
                                    {"hang@unlink", "/steps/4"}}) {
    const Outcome outcome = run(fault);
    EXPECT_EQ(outcome.verdict, Verdict::timeout) << fault << ": " << all_of(outcome);
    EXPECT_TRUE(says(outcome, std::string("step ") + step + " took longer than 2 s")) << all_of(outcome);
  }
}

TEST_F(Misbehaving, AHangBeforeTheFirstAnswerIsATimeout) {
  const Outcome outcome = run("hang");
  EXPECT_EQ(outcome.verdict, Verdict::timeout) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "mounting")) << all_of(outcome);
}

TEST_F(Misbehaving, ACrashIsACrashOfItsStep) {
  for (const auto& [fault, step] : {std::pair{"crash@open", "/steps/0"},
                                    {"crash@mkdir", "/steps/1"},
                                    {"crash@readdir", "/steps/2"},
                                    {"crash@unlink", "/steps/4"}}) {
    const Outcome outcome = run(fault);
    EXPECT_EQ(outcome.verdict, Verdict::crash) << fault << ": " << all_of(outcome);
    EXPECT_EQ(outcome.at_step, step);
    EXPECT_TRUE(says(outcome, "ended by signal 6")) << all_of(outcome);
  }
}

TEST_F(Misbehaving, AnEndWithoutAWordIsACrashToo) {
  const Outcome outcome = run("exit@mkdir");
  EXPECT_EQ(outcome.verdict, Verdict::crash) << all_of(outcome);
  EXPECT_EQ(outcome.at_step, "/steps/1");
  EXPECT_TRUE(says(outcome, "ended with exit status 0")) << all_of(outcome);
}

TEST_F(Misbehaving, AStrangeErrnoIsAFailureOfItsStep) {
  // 18: EXDEV; 511 is the largest the kernel lets through and nobody's name.
  for (const auto& [fault, error] : {std::pair{"errno=18@mkdir", "EXDEV"}, {"errno=511@mkdir", "511"}}) {
    const Outcome outcome = run(fault);
    EXPECT_EQ(outcome.verdict, Verdict::fail) << fault << ": " << all_of(outcome);
    EXPECT_TRUE(says(outcome, "/steps/1")) << all_of(outcome);
    EXPECT_TRUE(says(outcome, error)) << all_of(outcome);
  }
}

// The kernel refuses such an answer, so that the request stays unanswered.
TEST_F(Misbehaving, AnImpossibleErrnoIsATimeoutOfItsStep) {
  const Outcome outcome = run("errno=900@mkdir");
  EXPECT_EQ(outcome.verdict, Verdict::timeout) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "/steps/1")) << all_of(outcome);
}

TEST_F(Misbehaving, LiesInReaddirBreakAnInvariant) {
  for (const auto& [fault, words] : {std::pair{"phantom", "phantom"},
                                     {"omit", "/steps/2"},
                                     {"twice", "twice"},
                                     {"wrong-type", "readdir says"}}) {
    const Outcome outcome = run(fault);
    EXPECT_EQ(outcome.verdict, Verdict::fail) << fault << ": " << all_of(outcome);
    EXPECT_TRUE(says(outcome, words)) << fault << ": " << all_of(outcome);
  }
}

TEST_F(Misbehaving, AnEndlessDirectoryEnds) {
  const Outcome outcome = run("endless");
  EXPECT_TRUE(outcome.verdict == Verdict::fail || outcome.verdict == Verdict::timeout) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "/steps/2")) << all_of(outcome);
}

TEST_F(Misbehaving, AnEndlessFileEnds) {
  const Outcome outcome = run("endless-file");
  EXPECT_TRUE(outcome.verdict == Verdict::fail || outcome.verdict == Verdict::timeout) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "/steps/0")) << all_of(outcome);
}

TEST_F(Misbehaving, AWrongInodeIsSeenWhereItMatters) {
  const Outcome outcome =
      run("inode", R"({"id": "i", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
    "steps": [{"stat": "f", "as": "a"}, {"stat": "f", "expect": {"ino": {"same_as": "a.ino"}}}]})");
  EXPECT_EQ(outcome.verdict, Verdict::fail) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "/steps/1")) << all_of(outcome);
}

TEST_F(Misbehaving, AWrongSizeIsSeen) {
  const Outcome outcome = run("wrong-size");
  EXPECT_EQ(outcome.verdict, Verdict::fail) << all_of(outcome);
}

TEST_F(Misbehaving, SlownessWithinTheLimitPasses) {
  const Outcome outcome = run("slow=20");
  EXPECT_EQ(outcome.verdict, Verdict::pass) << all_of(outcome);
}

TEST_F(Misbehaving, DeafBabblingAndBackgroundDaemonsPass) {
  for (const char* fault : {"deaf", "babble", "background", "orphan", "deaf babble background"}) {
    const Outcome outcome = run(fault);
    EXPECT_EQ(outcome.verdict, Verdict::pass) << fault << ": " << all_of(outcome);
  }
}

TEST_F(Misbehaving, OneThatStaysAfterTheUnmountIsATimeout) {
  const Outcome outcome = run("linger");
  EXPECT_EQ(outcome.verdict, Verdict::timeout) << all_of(outcome);
  EXPECT_TRUE(says(outcome, "unmounting")) << all_of(outcome);
}

// The whole zoo at once: every subject gets one outcome per case, whatever the others do.
TEST_F(Misbehaving, AWholeRunCompletes) {
  PoolRequest request = request_for_broken();
  request.step_timeout = 1;
  request.jobs = 4;
  for (const char* faults : {"", "hang@mkdir", "crash@open", "errno=900@readdir", "endless", "linger",
                             "phantom", "deaf babble background", "exit@getattr:3"})
    request.subjects.push_back(broken(faults));
  for (int i = 0; i < 3; ++i) {
    Json json = Json::parse(kCase);
    json["id"] = "m" + std::to_string(i);
    request.cases.push_back(case_from_json(json, "broken", ""));
  }
  std::map<std::string, std::map<Verdict, int>> seen;
  PoolEvents events;
  events.on_subject = [](const SubjectInfo&) {};
  events.on_outcome = [&](const Outcome& outcome, const Case&, std::optional<Observation>) {
    ++seen[outcome.subject][outcome.verdict];
  };
  EXPECT_TRUE(run_pool(request, events));
  ASSERT_EQ(seen.size(), request.subjects.size());
  for (const auto& [subject, verdicts] : seen) {
    EXPECT_EQ(verdicts.size(), 1u) << subject << " is not treated alike each time";
    EXPECT_EQ(verdicts.begin()->second, 3) << subject;
  }
  EXPECT_EQ(seen["broken "].begin()->first, Verdict::pass);
  EXPECT_EQ(seen["broken hang@mkdir"].begin()->first, Verdict::timeout);
  EXPECT_EQ(seen["broken crash@open"].begin()->first, Verdict::crash);
}

}  // namespace
}  // namespace ovlcheck
