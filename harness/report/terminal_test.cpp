#include "harness/report/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

constexpr TerminalStyle kPlain{};

TEST(Terminal, TellsAWholeRun) {
  EXPECT_EQ(terminal_report(sample_run(), kPlain), R"(CRASH copy-up/mmap  on userlay
  at step 3.1.2: mwrite m "x"
    the daemon died with SIGSEGV

FAIL rename/lower-dir-is-exdev  on userlay, fuse:a=on,metacopy=on
  Renaming a directory of a lower layer fails with EXDEV [RENAME-1, RENAME-2]
  step 1: rename d -> e
    expected  EXDEV
    observed  ok
  after merged
    -d  dir
    +e  dir
    -g  content "a|b"
    +g  content "c"

not run  aufs: this kernel has no aufs
skipped  fuse:a=on,metacopy=on: needs root  (2)
skipped  userlay: needs mount  (1)

                                fuse:
                                a=on,
         kernel  userlay  metacopy=on  aufs
copy-up     2/2      1/2            -     -
rename      3/3      1/2          1/3     -
-------------------------------------------
total       5/5      2/4          1/3     -
           100%      50%          33%

14 outcomes: 8 pass, 2 fail, 1 crash, 3 skip, 1 not run
)");
}

TEST(Terminal, ManySubjectsBecomeSeveralTablesOfAtMost80Columns) {
  ovlcheck::Run run;
  run.suite = {"", 1, {{"rename", 1}}};
  for (int i = 0; i < 9; ++i) run.subjects.push_back({"subject-number-" + std::to_string(i), "", "", "", ""});
  run.subjects.push_back({std::string(200, 'x'), "", "", "", ""});
  const std::string table = terminal_table(run, kPlain);
  std::istringstream lines(table);
  size_t totals = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    totals += line.starts_with("total");
  }
  EXPECT_EQ(totals, 4u);
  for (const char* name : {"subject-number-0", "subject-number-4", "subject-number-8", "xxxxxxxx"})
    EXPECT_NE(table.find(name), std::string::npos) << name;
}

TEST(Terminal, ColoursOnlyIfAsked) {
  EXPECT_EQ(terminal_report(sample_run(), kPlain).find('\033'), std::string::npos);
  const std::string coloured = terminal_report(sample_run(), {.colours = true});
  EXPECT_NE(coloured.find("\033[31mFAIL\033[0m"), std::string::npos);
  EXPECT_NE(coloured.find("    \033[32m+e  dir\033[0m\n"), std::string::npos);
  EXPECT_NE(coloured.find("\033[32m5/5\033[0m"), std::string::npos);
}

TEST(Terminal, ARunOfNothingHasNoTable) {
  EXPECT_EQ(terminal_report(ovlcheck::Run{}, kPlain), "\n0 outcomes: 0 pass\n");
}

}  // namespace
}  // namespace ovlcheck
