#include "harness/case/errnos.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

std::string wrong_with(const std::string& entry) {
  try {
    read_errnos("{\"errnos\": [\n" + entry + "]}", "errnos.json");
  } catch (const BadCase& bad) {
    return to_string(bad.problems.front());
  }
  return "";
}

TEST(Errnos, AreRead) {
  const auto all = read_errnos(
      R"({"errnos": [{"operations": ["rename", "link"], "errno": "EXDEV", "source": "dir.c ovl_rename", "when": "w"},
                     {"operations": ["open"], "errno": "EIO", "source": "s", "when": "w", "explained": "e"}]})",
      "errnos.json");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].operations, (std::vector<std::string>{"rename", "link"}));
  EXPECT_EQ(all[0].explained, "");
  EXPECT_EQ(all[1].explained, "e");
}

TEST(Errnos, BadOnesAreNamed) {
  EXPECT_EQ(wrong_with(R"({"operations": ["renam"], "errno": "EXDEV", "source": "s", "when": "w"})"),
            "errnos.json:2: /errnos/0/operations/0: unknown operation \"renam\" (did you mean \"rename\"?)");
  EXPECT_EQ(wrong_with(R"({"operations": ["rename"], "errno": "EXDEX", "source": "s", "when": "w"})"),
            "errnos.json:2: /errnos/0/errno: unknown errno \"EXDEX\" (did you mean \"EXDEV\"?)");
  EXPECT_EQ(wrong_with(R"({"operations": ["rename"], "errno": "EXDEV", "when": "w"})"),
            "errnos.json:2: /errnos/0: needs the member \"source\"");
}

}  // namespace
}  // namespace ovlcheck
