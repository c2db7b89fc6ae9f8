#include "harness/report/matrix.h"

#include <gtest/gtest.h>

#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

TEST(Matrix, CountsOfEveryCell) {
  const Matrix matrix = matrix_of(sample_run());
  ASSERT_EQ(matrix.rows.size(), 2u);
  std::vector<std::string> cells;
  for (const Matrix::Row& row : matrix.rows)
    for (const Cell& cell : row.cells) cells.push_back(row.group + ' ' + cell_text(cell));
  EXPECT_EQ(cells, (std::vector<std::string>{"copy-up 2/2", "copy-up 1/2", "copy-up -", "copy-up -",
                                             "rename 3/3", "rename 1/2", "rename 1/3", "rename -"}));
}

TEST(Matrix, ACaseWithoutAnOutcomeDidNotPass) {
  auto run = sample_run();
  run.outcomes.clear();
  const Matrix matrix = matrix_of(run);
  EXPECT_EQ(cell_text(matrix.totals[0]), "0/5");
  EXPECT_EQ(matrix.totals[0].percent(), 0u);
}

TEST(Matrix, AGroupThatWasNotPlannedIsCountedByItsCases) {
  auto run = sample_run();
  run.suite.groups.erase("rename");
  EXPECT_EQ(cell_text(matrix_of(run).rows.at(1).cells.at(0)), "3/3");
}

TEST(Matrix, OnlyAllIsAHundredPercent) {
  EXPECT_EQ((Cell{999, 1000}.percent()), 99u);
  EXPECT_EQ((Cell{1000, 1000}.percent()), 100u);
  EXPECT_EQ(Cell{}.percent(), 0u);
}

TEST(Findings, AreSortedAndTellTheSameOnlyOnce) {
  const auto run = sample_run();
  const std::vector<Finding> findings = findings_of(run);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].outcome->case_name, "copy-up/mmap");
  EXPECT_EQ(findings[1].subjects, (std::vector<std::string>{"userlay", "fuse:a=on,metacopy=on"}));
}

TEST(Findings, ThatDifferAreToldApart) {
  auto run = sample_run();
  run.outcomes[12].deviations[0].observed = "EINVAL";
  EXPECT_EQ(findings_of(run).size(), 3u);
}

TEST(PlaceInWords, CountsFromOne) {
  EXPECT_EQ(place_in_words("/steps/2"), "step 3");
  EXPECT_EQ(place_in_words("/steps/2/parallel/0/1"), "step 3.1.2");
  EXPECT_EQ(place_in_words("after merged"), "after merged");
}

}  // namespace
}  // namespace ovlcheck
