#include "harness/report/timeline.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Outcome outcome(const std::string& subject, Verdict verdict, const std::string& reason = "") {
  Outcome one;
  one.subject = subject;
  one.case_name = "g/c";
  one.verdict = verdict;
  one.reason = reason;
  return one;
}

Run sample() {
  Run run;
  run.suite = {"00000000deadbeef", 1, {{"g", 1}}};
  run.host.date = "2024-05-01T12:00:00Z";
  for (const char* name : {"kernel@6.12.1/ext4", "kernel@6.1.0/ext4", "plain"})
    run.subjects.push_back({name, "", "", "", ""});
  run.subjects.push_back({"kernel@5.10.0/ext4", "", "", "", "no overlayfs"});
  run.outcomes = {outcome("kernel@6.12.1/ext4", Verdict::pass),
                  outcome("kernel@6.1.0/ext4", Verdict::skip, "needs Linux >=6.10, this is 6.1.0"),
                  outcome("plain", Verdict::fail),
                  outcome("kernel@5.10.0/ext4", Verdict::skip, "no overlayfs")};
  return run;
}

TEST(Timeline, OrdersKernelsByVersion) {
  const auto run = sample();
  const auto rows = timeline_of(run, "g/c");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].place, "kernel/ext4");
  ASSERT_EQ(rows[0].cells.size(), 3u);
  EXPECT_EQ(rows[0].cells[0].first, "5.10.0");
  EXPECT_EQ(rows[0].cells[1].first, "6.1.0");
  EXPECT_EQ(rows[0].cells[2].first, "6.12.1");
  EXPECT_TRUE(rows[0].changes());
}

TEST(Timeline, SaysWhatBecameOfACase) {
  EXPECT_EQ(timeline_text(sample(), "g/c"),
            "g/c\n"
            "kernel/ext4  (changes)\n"
            "  5.10.0  skip  no overlayfs\n"
            "  6.1.0   skip  needs Linux >=6.10, this is 6.1.0\n"
            "  6.12.1  pass\n");
  EXPECT_EQ(timeline_text(sample(), "g/none"), "g/none\n");
}

TEST(Timeline, ThePageListsRangesSkipsAndDeviations) {
  Case c;
  c.group = "g";
  c.id = "c";
  c.title = "A title";
  c.json = Json::parse(R"({"requires": {"kernel": ">=6.10"}})");
  const std::string page = changes_page(sample(), {c});
  EXPECT_NE(page.find("- `kernel@5.10.0/ext4`: no overlayfs\n"), std::string::npos) << page;
  EXPECT_NE(page.find("| `g/c` A title | >=6.10 | - | skip | pass |\n"), std::string::npos) << page;
  EXPECT_NE(page.find("| needs Linux >=6.10 | 0 | 1 | 0 |\n"), std::string::npos) << page;
  EXPECT_NE(page.find("No outcome deviates on any kernel.\n"), std::string::npos) << page;
}

}  // namespace
}  // namespace ovlcheck
