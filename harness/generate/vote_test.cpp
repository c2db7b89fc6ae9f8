#include "harness/generate/vote.h"

#include <gtest/gtest.h>

#include <string>

namespace ovlcheck::generate {
namespace {

// Parties 0, 1, 2... saw the letters of `seen`.
std::optional<Vote> voted(const std::string& seen) {
  std::vector<size_t> parties;
  for (size_t i = 0; i < seen.size(); ++i) parties.push_back(i);
  return vote(parties, [&](size_t a, size_t b) { return seen[a] == seen[b]; });
}

void expect(const std::string& seen, size_t right, size_t odd) {
  const auto found = voted(seen);
  ASSERT_TRUE(found) << seen;
  EXPECT_EQ(found->right, right) << seen;
  EXPECT_EQ(found->odd, odd) << seen;
}

TEST(Vote, NobodyIsOddWhereAllAgree) {
  EXPECT_FALSE(voted("aa"));
  EXPECT_FALSE(voted("aaa"));
}

TEST(Vote, BetweenTwoTheReferenceIsRight) {
  expect("ab", 0, 1);
}

TEST(Vote, OfThreeTheMajorityIsRight) {
  expect("aba", 0, 1);
  expect("aab", 0, 2);
  expect("abb", 1, 0);
}

TEST(Vote, WhereNoTwoAgreeTheFirstReferenceIsRightAndTheSubjectOdd) {
  expect("abc", 0, 1);
}

TEST(Vote, OfFourAnEvenSplitIsTheReferences) {
  expect("abab", 0, 1);
  expect("abba", 0, 1);
  expect("aabb", 0, 2);
}

TEST(Vote, MayBeWithoutTheSubject) {
  const auto found = vote({0, 2}, [](size_t, size_t) { return false; });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->right, 0u);
  EXPECT_EQ(found->odd, 2u);
}

}  // namespace
}  // namespace ovlcheck::generate
