#include "harness/results/compare.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ovlcheck {
namespace {

Outcome outcome(const std::string& subject, const std::string& name, Verdict verdict) {
  Outcome result;
  result.subject = subject;
  result.case_name = name;
  result.verdict = verdict;
  return result;
}

ovlcheck::Run run_of(std::vector<Outcome> outcomes) {
  ovlcheck::Run run;
  run.suite = {"cafe", 2, {{"g", 2}}};
  for (const auto& one : outcomes)
    if (run.subjects.empty() || run.subjects.back().name != one.subject)
      run.subjects.push_back({one.subject, "", "", "", ""});
  run.outcomes = std::move(outcomes);
  return run;
}

std::string changes(const Run& earlier, const Run& later) {
  std::string all;
  for (const auto& difference : compare_runs(earlier, later))
    all += std::string(change_name(difference.change)) + " " + difference.case_name + ";";
  return all;
}

TEST(Comparing, TellsWhatChanged) {
  const ovlcheck::Run earlier =
      run_of({outcome("a", "g/1", Verdict::pass), outcome("a", "g/2", Verdict::fail),
              outcome("a", "g/3", Verdict::fail), outcome("a", "g/4", Verdict::pass),
              outcome("a", "g/6", Verdict::skip)});
  const ovlcheck::Run later = run_of({outcome("a", "g/1", Verdict::fail), outcome("a", "g/2", Verdict::pass),
                                      outcome("a", "g/3", Verdict::crash), outcome("a", "g/5", Verdict::pass),
                                      outcome("a", "g/6", Verdict::skip)});
  EXPECT_EQ(changes(earlier, later), "regression g/1;fixed g/2;changed g/3;missing g/4;added g/5;");
  EXPECT_TRUE(has_regressions(compare_runs(earlier, later)));
  EXPECT_EQ(changes(later, later), "");
  EXPECT_FALSE(has_regressions(compare_runs(later, later)));
}

TEST(Comparing, TakesTwoSingleSubjectsForTheSame) {
  EXPECT_EQ(
      changes(run_of({outcome("old", "g/1", Verdict::pass)}), run_of({outcome("new", "g/1", Verdict::fail)})),
      "regression g/1;");
}

TEST(Merging, JoinsShardsInOrder) {
  const ovlcheck::Run merged = merge_runs(
      {run_of({outcome("a", "g/2", Verdict::pass)}), run_of({outcome("a", "g/1", Verdict::fail)})});
  ASSERT_EQ(merged.outcomes.size(), 2u);
  EXPECT_EQ(merged.outcomes[0].case_name, "g/1");
  EXPECT_EQ(merged.subjects.size(), 1u);
}

TEST(Merging, RefusesWhatDoesNotFit) {
  const ovlcheck::Run one = run_of({outcome("a", "g/1", Verdict::pass)}),
                      two = run_of({outcome("a", "g/2", Verdict::pass)});
  EXPECT_THROW((void)merge_runs({one}), std::invalid_argument) << "not complete";
  EXPECT_THROW((void)merge_runs({one, two, one}), std::invalid_argument) << "not disjoint";
  ovlcheck::Run other = two;
  other.suite.revision = "beef";
  EXPECT_THROW((void)merge_runs({one, other}), std::invalid_argument) << "another suite";
  EXPECT_THROW((void)merge_runs({}), std::invalid_argument);
}

}  // namespace
}  // namespace ovlcheck
