#include "harness/case/changes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/case/case.h"
#include "harness/case/pattern.h"
#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

std::string wrong_with(const std::string& entry) {
  try {
    read_changes("{\"changes\": [\n" + entry + "]}", "changes.json");
  } catch (const BadCase& bad) {
    return to_string(bad.problems.front());
  }
  return "";
}

TEST(Changes, AreRead) {
  const auto all = read_changes(
      R"({"changes": [{"since": "6.7", "change": "c", "source": "s", "privilege": "root", "cases": ["g/a*"]},
                      {"since": "6.7.3", "change": "c", "source": "s", "unshown": "u"}]})",
      "changes.json");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].cases, std::vector<std::string>{"g/a*"});
  EXPECT_EQ(all[0].privilege, "root");
  EXPECT_EQ(all[1].unshown, "u");
}

TEST(Changes, BadOnesAreNamed) {
  EXPECT_EQ(wrong_with(R"({"since": "6.7", "change": "c", "source": "s", "cases": []})").substr(0, 37),
            "changes.json:2: /changes/0/cases: mus");
  EXPECT_NE(wrong_with(R"({"since": "new", "change": "c", "source": "s", "unshown": "u"})"), "");
  EXPECT_NE(wrong_with(R"({"since": "6.7", "change": "c", "source": "s"})"), "");
}

TEST(Changes, ThoseThatComeWithTheProgramNameCases) {
  const std::string folder = OVLCHECK_SOURCE_DIR "/cases";
  const auto cases = load_cases({folder});
  for (const KernelChange& change : load_changes(folder + "/changes.json"))
    for (const std::string& pattern : change.cases)
      EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const Case& c) {
        return matches_case(pattern, c.name());
      })) << pattern;
}

}  // namespace
}  // namespace ovlcheck
