#include "harness/report/bench_report.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ovlcheck {
namespace {

Bench sample() {
  Bench bench;
  bench.host = {"6.1", "x86_64", 2, "2024-05-01T12:00:00Z"};
  bench.fs = "tmpfs";
  bench.privilege = "root";
  BenchChart sizes;
  sizes.id = "first-write";
  sizes.claim = "The first write copies <all>.";
  sizes.axis = "file size";
  sizes.unit = "bytes";
  sizes.finding = "It takes 2 ms.";
  sizes.borne_out = true;
  sizes.series = {{"native", {{4096, {1e-6}}, {65536, {1e-6}}}},
                  {"kernel", {{4096, {2e-5, 3e-5, 4e-5}}, {65536, {2e-3}}}}};
  BenchChart shares;
  shares.id = "page-cache";
  shares.claim = "Pages are shared.";
  shares.axis = "file";
  shares.places = {"lower file"};
  shares.share = true;
  shares.finding = "None are.";
  shares.series = {{"kernel", {{0, {0.25}}}}};
  bench.charts = {sizes, shares};
  bench.notes = {"x was not measured: no /dev/fuse"};
  return bench;
}

TEST(BenchReport, MarkdownHasClaimsFindingsAndMedians) {
  const std::string text = bench_markdown(sample());
  EXPECT_NE(text.find("| The first write copies <all>. | holds |\n| Pages are shared. | not borne out |\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("holds: It takes 2 ms."), std::string::npos) << text;
  EXPECT_NE(text.find("| 4 KiB | 1 us | 30 us |\n| 64 KiB | 1 us | 2 ms |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("| lower file | 25 % |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("- x was not measured"), std::string::npos) << text;
}

TEST(BenchReport, ThePageEscapesAndHasOneChartAClaim) {
  const std::string page = bench_html(sample());
  EXPECT_NE(page.find("copies &lt;all&gt;."), std::string::npos);
  size_t charts = 0;
  for (size_t at = 0; (at = page.find("<svg ", at)) != std::string::npos; ++at) ++charts;
  EXPECT_EQ(charts, 2u);
}

TEST(BenchReport, TerminalLinesFit) {
  std::istringstream lines(bench_text(sample()));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

}  // namespace
}  // namespace ovlcheck
