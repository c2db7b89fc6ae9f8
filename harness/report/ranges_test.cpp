#include "harness/report/ranges.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Case ranged(const std::string& id, const std::string& range) {
  Case c;
  c.group = "g";
  c.id = id;
  c.requires_.kernel = range;
  return c;
}

Run run_of(const std::vector<std::pair<std::string, std::string>>& passes,
           const std::vector<std::pair<std::string, std::string>>& fails) {
  Run run;
  for (const char* release : {"6.12.1", "5.10.0", "6.1.0"})
    run.subjects.push_back({std::string("kernel@") + release + "/ext4", "", "root", "ext4", ""});
  auto add = [&](const auto& all, Verdict verdict) {
    for (const auto& [release, id] : all) {
      Outcome outcome;
      outcome.subject = "kernel@" + release + "/ext4";
      outcome.case_name = "g/" + id;
      outcome.verdict = verdict;
      run.outcomes.push_back(outcome);
    }
  };
  add(passes, Verdict::pass);
  add(fails, Verdict::fail);
  return run;
}

KernelChange change(const std::string& since) {
  return {since, "c", "s", "", {"g/*"}, ""};
}

TEST(Ranges, RightOnesAreConfirmed) {
  const auto run = run_of({{"6.12.1", "a[1]"}, {"6.12.1", "a[2]"}},
                          {{"6.1.0", "a[1]"}, {"6.1.0", "a[2]"}, {"5.10.0", "a[1]"}});
  const std::string page =
      ranges_page(run, {}, {ranged("a[1]", ">=6.7"), ranged("a[2]", ">=6.7")}, {change("6.7")});
  EXPECT_NE(page.find("| 6.7 | c (s) | confirmed: not on 6.1.0, on 6.12.1 | 0/1 | 0/2 | 2/2 |\n"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("| `g/a` | >=6.7 | 0/1 | 0/2 | **2/2** |\n\nWithin their ranges all pass.\n"),
            std::string::npos)
      << page;
  EXPECT_EQ(page.find("Outside"), std::string::npos);
}

TEST(Ranges, WrongOnesAreRefuted) {
  const auto run = run_of({{"6.1.0", "a"}}, {{"6.12.1", "a"}});
  const std::string page = ranges_page(run, {}, {ranged("a", ">=6.7")}, {change("6.7")});
  EXPECT_NE(page.find("**refuted**: 6.1.0 has it already, 6.12.1 has it not, or not whole"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("not all pass:\n\n- `g/a` (>=6.7) on 6.12.1: 0/1\n"), std::string::npos) << page;
  EXPECT_NE(page.find("written for a whole group:\n\n- `g/a` (>=6.7) on 6.1.0: 1/1\n"), std::string::npos)
      << page;
}

TEST(Ranges, WhatCouldNotRunCountsOnlyForItsPrivilege) {
  auto run = run_of({{"6.12.1", "a"}}, {});
  run.subjects.push_back({"kernel@5.10.0/ext4/userns", "", "userns", "ext4", "it cannot"});
  run.subjects.push_back({"kernel@6.1.0/ext4/userns", "", "userns", "ext4", ""});
  Outcome outcome;
  outcome.case_name = "g/a";
  outcome.subject = "kernel@5.10.0/ext4/userns";
  outcome.verdict = Verdict::skip;
  run.outcomes.push_back(outcome);
  outcome.subject = "kernel@6.1.0/ext4/userns";
  outcome.verdict = Verdict::pass;
  run.outcomes.push_back(outcome);
  KernelChange of_userns = change("5.11");
  of_userns.privilege = "userns";
  const std::string page = ranges_page(run, {}, {ranged("a", ">=5.11")}, {change("5.11"), of_userns});
  EXPECT_NE(page.find("| on 6.1.0; no kernel before it ran these cases | - | 1/1 | 1/1 |"), std::string::npos)
      << page;
  EXPECT_NE(page.find("| confirmed: not on 5.10.0, on 6.1.0 | 0/1 | 1/1 | - |"), std::string::npos) << page;
}

}  // namespace
}  // namespace ovlcheck
