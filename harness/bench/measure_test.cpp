#include "harness/bench/measure.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "harness/bench/claims.h"

namespace ovlcheck {
namespace {

BenchRequest small(std::vector<std::string> only) {
  BenchRequest request;
  request.only = std::move(only);
  request.rounds = 1;
  request.largest = 64 << 10;
  return request;
}

Bench measure_or_skip(const BenchRequest& request, std::string& why) {
  try {
    return measure_claims(request);
  } catch (const std::runtime_error& problem) {
    why = problem.what();
    return {};
  }
}

TEST(Measure, RefusesAnUnknownClaim) {
  EXPECT_THROW((void)measure_claims(small({"nosuch"})), std::invalid_argument);
}

TEST(Measure, EveryClaimCanBeMeasuredOnce) {
  BenchRequest request =
      small({"read", "first-write", "lookup-again", "metadata", "volume", "page-cache", "mount"});
  std::string why;
  const Bench bench = measure_or_skip(request, why);
  if (!why.empty()) GTEST_SKIP() << why;
  ASSERT_EQ(bench.charts.size(), request.only.size());
  for (const auto& chart : bench.charts) {
    ASSERT_NE(chart.find("kernel"), nullptr) << chart.id;
    for (const auto& point : chart.find("kernel")->points) EXPECT_GT(point.median(), 0) << chart.id;
    EXPECT_NE(chart.finding, "") << chart.id;
  }
  for (const auto& note : bench.notes) EXPECT_EQ(note.find("was not measured"), std::string::npos) << note;
  // What a layer has in memory, every kernel mount of it has.
  EXPECT_EQ(bench.charts[4].id == "page-cache" ? bench.charts[4].find("kernel")->points[0].median() : 1, 1);
}

TEST(Measure, ASubjectThatCannotRunIsANote) {
  BenchRequest request = small({"mount"});
  request.subjects = {"aufs"};
  std::string why;
  const Bench bench = measure_or_skip(request, why);
  if (!why.empty()) GTEST_SKIP() << why;
  ASSERT_FALSE(bench.notes.empty());
  EXPECT_NE(bench.notes[0].find("aufs was not measured"), std::string::npos);
}

}  // namespace
}  // namespace ovlcheck
