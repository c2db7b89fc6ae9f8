#include "harness/report/clause_page.h"

#include <gtest/gtest.h>

#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

Case case_named(const std::string& group, const std::string& id, std::vector<std::string> clauses) {
  Case c;
  c.group = group;
  c.id = id;
  c.clauses = std::move(clauses);
  return c;
}

const std::vector<Clause> kClauses = {
    {"RENAME-1", "rename", "A directory cannot be renamed.", "overlayfs.rst", "4.10", ""},
    {"RENAME-2", "rename", "Nobody can test this.", "dir.c", "", "it needs a fault of the disk"}};

TEST(ClausePage, TellsSourceCasesAndScores) {
  const std::vector<Case> cases = {case_named("rename", "lower-dir-is-exdev", {"RENAME-1"}),
                                   case_named("rename", "whiteout", {"RENAME-1"}),
                                   case_named("rename", "table[a]", {"RENAME-1"}),
                                   case_named("rename", "table[b]", {"RENAME-1"})};
  EXPECT_EQ(clause_page(kClauses, cases, {}),
            "rename\n"
            "  RENAME-1  A directory cannot be renamed.\n"
            "      source: overlayfs.rst; since Linux 4.10\n"
            "      cases: rename/lower-dir-is-exdev, rename/table (2), rename/whiteout\n"
            "  RENAME-2  Nobody can test this.\n"
            "      source: dir.c\n"
            "      not tested: it needs a fault of the disk\n"
            "\n2 clauses: 1 covered, 1 explained\n");
  const std::string page = clause_page(kClauses, {cases[0], cases[1]}, sample_run());
  EXPECT_NE(page.find("kernel 2/2  userlay 0/1"), page.npos) << page;
  EXPECT_EQ(page.find("aufs"), page.npos) << page;
}

TEST(ClausePage, FitsOn80Columns) {
  std::vector<Clause> clauses = kClauses;
  clauses[0].text = std::string(30, 'a') + " " + std::string(60, 'b') + " " + std::string(60, 'c');
  const std::string page = clause_page(clauses, {}, {});
  for (size_t start = 0, end; (end = page.find('\n', start)) != page.npos; start = end + 1)
    EXPECT_LE(end - start, 80u);
}

}  // namespace
}  // namespace ovlcheck
