#include "harness/results/bench.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

Bench sample(double kernel, double userlay) {
  Bench bench;
  bench.host = {"6.1", "x86_64", 2, "2024-05-01T12:00:00Z"};
  bench.privilege = "root";
  bench.fs = "tmpfs";
  BenchChart chart;
  chart.id = "first-write";
  chart.claim = "It copies.";
  chart.axis = "file size";
  chart.unit = "bytes";
  chart.series = {{"native", {{4096, {1e-6, 1e-6}}}},
                  {"kernel", {{4096, {kernel, kernel}}}},
                  {"userlay-fuse", {{4096, {userlay, userlay}}}}};
  bench.charts = {chart};
  return bench;
}

TEST(Bench, IsReadAsItWasWritten) {
  const Bench bench = sample(2e-6, 4e-6);
  const Bench again = bench_from_json(json_from_bench(bench), "f");
  EXPECT_EQ(again.charts, bench.charts);
  EXPECT_EQ(again.host, bench.host);
  EXPECT_EQ(again.fs, "tmpfs");
}

TEST(Bench, RefusesWhatIsNone) {
  EXPECT_THROW(bench_from_json(Json(), "f"), BadCase);
  Json json = json_from_bench(sample(1, 1));
  json["charts"][0]["series"][0]["points"][0]["values"] = Json::array();
  EXPECT_THROW(bench_from_json(json, "f"), BadCase);
  EXPECT_THROW((void)read_bench("/nonexistent"), std::system_error);
}

TEST(Bench, ComparesRelativeToTheKernel) {
  // Everything twice as slow: the machine, not the subject.
  EXPECT_TRUE(compare_bench(sample(2e-6, 4e-6), sample(4e-6, 8e-6), 0.25).size() ==
              1);  // the kernel against native
  const auto changes = compare_bench(sample(2e-6, 4e-6), sample(2e-6, 8e-6), 0.25);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].subject, "userlay-fuse");
  EXPECT_EQ(changes[0].place, "4 KiB");
  EXPECT_DOUBLE_EQ(changes[0].ratio, 2);
  EXPECT_TRUE(compare_bench(sample(2e-6, 4e-6), sample(2e-6, 4.4e-6), 0.25).empty());
}

TEST(Bench, AWideSpreadIsNoChange) {
  Bench noisy = sample(2e-6, 8e-6);
  noisy.charts[0].series[2].points[0].values = {1e-6, 8e-6, 30e-6};
  EXPECT_TRUE(compare_bench(sample(2e-6, 4e-6), noisy, 0.25).empty());
}

}  // namespace
}  // namespace ovlcheck
