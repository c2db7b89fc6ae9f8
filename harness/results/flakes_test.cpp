#include "harness/results/flakes.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Outcome outcome(const std::string& name, Verdict verdict, const std::string& observed = "") {
  Outcome one;
  one.subject = "kernel";
  one.case_name = name;
  one.verdict = verdict;
  one.seconds = static_cast<double>(observed.size());
  if (verdict == Verdict::fail) one.deviations.push_back({"/steps/1", "", "ok", observed, {}});
  return one;
}

TEST(Flakes, AreCasesThatChangeTheirMind) {
  EXPECT_TRUE(flakes({}).empty());
  EXPECT_TRUE(flakes({outcome("a/b", Verdict::pass), outcome("a/b", Verdict::pass)}).empty());
  const auto found = flakes({outcome("a/b", Verdict::pass), outcome("a/c", Verdict::pass),
                             outcome("a/b", Verdict::fail, "EIO"), outcome("a/b", Verdict::pass)});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(describe(found[0]), "kernel a/b: 1 fail at /steps/1: EIO, 2 pass");
}

TEST(Flakes, AreFailuresOfAnotherKindToo) {
  EXPECT_EQ(flakes({outcome("a/b", Verdict::fail, "EIO"), outcome("a/b", Verdict::fail, "EIO")}).size(), 0u);
  EXPECT_EQ(flakes({outcome("a/b", Verdict::fail, "EIO"), outcome("a/b", Verdict::fail, "EPERM")}).size(),
            1u);
}

}  // namespace
}  // namespace ovlcheck
