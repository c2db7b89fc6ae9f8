#include "harness/run/backing.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

class BackingSteps : public testing::Test {
 protected:
  void SetUp() override {
    request_.program = OVLCHECK_PROGRAM;
    request_.subjects = {{"kernel", ""}};
    const auto kernel = probe(request_).front();
    if (!kernel.missing.empty()) GTEST_SKIP() << kernel.missing;
  }

  static Case with_steps(const std::string& steps) {
    return case_from_json(
        Json::parse(R"({"id": "c", "title": "t", "clauses": ["X-1"], "steps": [)" + steps + "]}"), "backing",
        "");
  }

  Outcome run(const std::string& steps) { return Session(request_, {"kernel", ""}).run(with_steps(steps)); }

  PoolRequest request_;
};

TEST_F(BackingSteps, AFullFileSystemTakesNoMoreData) {
  const Outcome outcome = run(R"({"put": "f", "data": "x", "flags": "O_CREAT"},
      {"open": "g", "flags": "O_CREAT|O_WRONLY", "as": "g"}, {"backing": "full", "free": 65536},
      {"write": "g", "fill": "x", "size": 4096, "offset": 0},
      {"write": "g", "fill": "x", "size": 1048576, "offset": 1048576, "expect": {"count": {"at_most": 65536}}},
      {"write": "g", "data": "x", "offset": 4194304, "expect": "ENOSPC", "copies_up": true},
      {"backing": "normal"}, {"write": "g", "data": "x", "offset": 4194304})");
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
}

TEST_F(BackingSteps, AReadOnlyFileSystemTakesNoChange) {
  const Outcome outcome = run(R"({"backing": "read-only"}, {"mkdir": "d", "expect": "EROFS"},
      {"backing": "normal"}, {"mkdir": "d"})");
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
}

// Negative controls: who does not notice is noticed.
TEST_F(BackingSteps, SuccessWithoutRoomIsADeviation) {
  const Outcome full = run(R"({"backing": "full"}, {"put": "f", "data": "x", "flags": "O_CREAT"})");
  EXPECT_EQ(full.verdict, Verdict::fail) << full.reason;
  const Outcome roomy = run(
      R"({"backing": "full", "free": 65536}, {"put": "f", "data": "x", "flags": "O_CREAT", "expect": "ENOSPC"})");
  EXPECT_EQ(roomy.verdict, Verdict::fail) << roomy.reason;
  const Outcome writable = run(R"({"backing": "read-only"}, {"mkdir": "d"})");
  EXPECT_EQ(writable.verdict, Verdict::fail) << writable.reason;
}

TEST_F(BackingSteps, TheNextCaseFindsItNormal) {
  Session session(request_, {"kernel", ""});
  for (const char* state : {"full", "read-only"}) {
    const auto left = with_steps(std::string(R"({"backing": ")") + state + "\"}");
    EXPECT_EQ(session.run(left).verdict, Verdict::pass) << state;
    const Outcome next = session.run(with_steps(R"({"put": "f", "data": "x", "flags": "O_CREAT"})"));
    EXPECT_EQ(next.verdict, Verdict::pass) << state << ": " << next.reason;
  }
}

TEST_F(BackingSteps, AFileSystemOfSomebodyElseIsLeftAlone) {
  SubjectRequest subject{"kernel", ""};
  subject.sandbox = SandboxRequest{};
  subject.sandbox->scratch = std::filesystem::temp_directory_path();
  const Outcome outcome = Session(request_, subject).run(with_steps(R"({"backing": "full"})"));
  EXPECT_EQ(outcome.verdict, Verdict::skip) << outcome.reason;
  EXPECT_NE(outcome.reason.find("not ovlcheck's own"), std::string::npos) << outcome.reason;
}

}  // namespace
}  // namespace ovlcheck
