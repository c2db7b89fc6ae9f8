#include "harness/results/baseline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

class BaselineFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/baseline-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string complaint(const std::string& text) {
    std::ofstream(folder_ / "x.json") << text;
    try {
      (void)read_baseline(folder_ / "x.json");
    } catch (const BadCase& bad) {
      return bad.problems.front().pointer + ": " + bad.problems.front().message;
    }
    return "";
  }

  std::filesystem::path folder_;
};

Outcome outcome(const std::string& name, Verdict verdict) {
  Outcome result;
  result.subject = "fs";
  result.case_name = name;
  result.verdict = verdict;
  return result;
}

Outcome applied(const Baseline& baseline, Outcome result, const std::string& version = "fs 1.10",
                const std::string& fs = "tmpfs") {
  apply(baseline, {"fs", version, "root", fs, ""}, result);
  return result;
}

const Baseline kBaseline{"fs",
                         {{{"rename/file[a]", "links/*"}, Verdict::fail, "it copies", "", ">=1.9 <2.0"}}};

TEST(Baselines, AListedDeviationIsKnown) {
  EXPECT_TRUE(is_known(applied(kBaseline, outcome("rename/file[a]", Verdict::fail))));
  EXPECT_TRUE(is_known(applied(kBaseline, outcome("links/any", Verdict::fail))));
}

TEST(Baselines, AnyOtherDeviationIsNot) {
  EXPECT_FALSE(is_known(applied(kBaseline, outcome("rename/file[b]", Verdict::fail))));
  EXPECT_FALSE(is_known(applied(kBaseline, outcome("links/any", Verdict::crash)))) << "listed as a fail";
  EXPECT_FALSE(is_known(applied(kBaseline, outcome("links/any", Verdict::fail), "fs 2.1")))
      << "another version";
}

TEST(Baselines, AListedOneThatPassesIsFixed) {
  EXPECT_TRUE(is_fixed(applied(kBaseline, outcome("links/any", Verdict::pass))));
  EXPECT_FALSE(is_fixed(applied(kBaseline, outcome("links/any", Verdict::skip))));
  EXPECT_FALSE(is_fixed(applied(kBaseline, outcome("other/any", Verdict::pass))));
}

TEST_F(BaselineFiles, AreReadAsWritten) {
  write_baseline(folder_ / "fs.json", kBaseline);
  const Baseline read = read_baseline(baseline_file(folder_, "fs:volatile"));
  EXPECT_EQ(baseline_file(folder_, "fs@6.1.0-50-amd64/tmpfs/userns:volatile"), folder_ / "fs.json");
  ASSERT_EQ(read.entries.size(), 1u);
  EXPECT_EQ(read.entries[0].cases, kBaseline.entries[0].cases);
  EXPECT_EQ(read.entries[0].reason, "it copies");
  EXPECT_EQ(read.entries[0].versions, ">=1.9 <2.0");
}

TEST_F(BaselineFiles, WithoutAReasonAreRefused) {
  EXPECT_NE(complaint(R"({"subject": 1e999})").find("number overflow"), std::string::npos);
  EXPECT_EQ(complaint(R"({"subject": "fs", "entries": [{"cases": ["a"], "outcome": "fail"}]})"),
            "/entries/0: needs the member \"reason\"");
  EXPECT_EQ(
      complaint(R"({"subject": "fs", "entries": [{"cases": ["a"], "outcome": "pass", "reason": "r"}]})"),
      "/entries/0/outcome: must be a deviation: fail, error, timeout or crash");
  EXPECT_EQ(complaint(R"({"subject": "fs", "entries": [{"case": ["a"], "outcome": "fail", "reason": "r"}]})"),
            "/entries/0: unknown member \"case\"");
}

TEST(BaselineApply, IsForSomeFileSystems) {
  const Baseline baseline{"fs", {{{"reads/a"}, Verdict::fail, "one number for all", "", "", "lowers"}}};
  EXPECT_FALSE(is_known(applied(baseline, outcome("reads/a", Verdict::fail))));
  EXPECT_TRUE(
      is_known(applied(baseline, outcome("reads/a", Verdict::fail), "fs 1.10", "ext4, lowers tmpfs")));
}

TEST(Accepting, ListsWhatIsNotListedYet) {
  ovlcheck::Run run;
  run.outcomes = {outcome("links/any", Verdict::fail), outcome("reads/a", Verdict::fail),
                  outcome("reads/b", Verdict::pass), outcome("reads/c", Verdict::crash)};
  run.outcomes[0] = applied(kBaseline, run.outcomes[0]);
  Baseline baseline = kBaseline;
  EXPECT_EQ(accept(baseline, run, "fs", "why", "", {"reads"}), 2u);
  ASSERT_EQ(baseline.entries.size(), 3u);
  EXPECT_TRUE(is_known(applied(baseline, outcome("reads/a", Verdict::fail))));
  EXPECT_TRUE(is_known(applied(baseline, outcome("reads/c", Verdict::crash))));
  EXPECT_EQ(accept(baseline, run, "fs", "another reason", "", {"reads"}), 0u);
  EXPECT_EQ(accept(baseline, run, "another", "why", "", {}), 0u);
}

}  // namespace
}  // namespace ovlcheck
