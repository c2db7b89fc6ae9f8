#include "harness/case/read.h"

#include <gtest/gtest.h>

#include "harness/case/case.h"
#include "harness/case/problem.h"
#include "harness/case/test_folder.h"

namespace ovlcheck {
namespace {

std::vector<Problem> problems_of(const std::string& text) {
  try {
    read_cases(text, "x.json");
    return {};
  } catch (const BadCase& bad) {
    return bad.problems;
  }
}

std::string group(const std::string& name, const std::string& cases) {
  return R"({"group": ")" + name + R"(", "cases": [)" + cases + "]}";
}

constexpr const char* plain_case = R"({"id": "a", "title": "T", "clauses": ["X-1"], "steps": []})";

TEST(ReadCases, AppliesDefaultsAndExpandsTables) {
  const auto cases =
      read_cases(R"({"group": "g", "about": "A", "defaults": {"lower": [{"f": "x"}], "clauses": ["X-1"],
    "mount": {"index": "on"}}, "cases": [
      {"id": "a", "title": "T", "steps": []},
      {"id": "b", "title": "T ${op}", "mount": {}, "for": {"op": ["rmdir", "unlink"]}, "steps": [{"${op}": "f"}]}]})",
                 "g.json");
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0].mount, (Options{{"index", "on"}}));
  EXPECT_TRUE(cases[0].lowers[0].children.contains("f"));
  EXPECT_TRUE(cases[1].mount.empty());
  EXPECT_EQ(cases[2].name(), "g/b[unlink]");
  EXPECT_EQ(cases[2].title, "T unlink");
  EXPECT_EQ(cases[2].steps[0].op, "unlink");
  EXPECT_EQ(cases[2].pointer, "/cases/1");
  EXPECT_EQ(cases[2].file, "g.json");
  EXPECT_FALSE(cases[2].json.contains("for"));
}

TEST(ReadCases, NamesThePlaceOfAMistakeInATable) {
  const auto problems = problems_of(R"({"group": "g", "cases": [
    {"id": "b", "title": "T", "clauses": ["X-1"],
     "for": {"k": {
       "v": {"s": [{"mkdir": "a"},
                   {"mkdir": "b", "copies_up": 7}]}}},
     "steps": ["...${k.s}"]}]})");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].pointer, "/cases/0/for/k/v/s/1/copies_up");
  EXPECT_EQ(problems[0].line, 5);
  EXPECT_EQ(problems[0].file, "x.json");
}

TEST(ReadCases, NamesThePlaceOfAMistakeInTheDefaults) {
  const auto problems =
      problems_of("{\"group\": \"g\", \"defaults\":\n {\"lower\":\n [{\"a\": 7}]}, \"cases\": [\n" +
                  std::string(R"({"id": "a", "title": "T", "clauses": ["X-1"], "steps": []}]})"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].pointer, "/defaults/lower/0/a");
  EXPECT_EQ(problems[0].line, 3);
}

TEST(ReadCases, ToldOnceWhatAllRowsOfATableHaveInCommon) {
  EXPECT_EQ(problems_of(group("g", R"({"id": "a", "title": "T", "clauses": ["X-1"], "for": {"n": [1, 2, 3]},
                                       "lower": [{"f": 7}], "steps": []})"))
                .size(),
            1u);
}

TEST(ReadCases, FindsEveryProblem) {
  const auto problems = problems_of(
      group("g", R"({"id": "a", "title": "T", "clauses": ["X-1"], "lower": [{"f": 7}], "steps": []},
      {"id": "b", "title": "T", "clauses": ["X-1"], "lower": [{"f": null}], "steps": []})"));
  EXPECT_EQ(problems.size(), 2u);
}

TEST(ReadCases, IdsAreUnique) {
  const auto problems = problems_of(group("g", plain_case + std::string(",\n") + plain_case));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(to_string(problems[0]), "x.json:2: /cases/1/id: there is already a case \"g/a\"");
}

TEST(ReadCases, RefusesTextThatIsNotJson) {
  for (const char* text : {"", "{", "[1,", "nul", "{\"a\":}", "\xff\xfe", "{\"a\": \"\xff\"}"}) {
    const auto problems = problems_of(text);
    ASSERT_EQ(problems.size(), 1u) << text;
    EXPECT_NE(problems[0].message.find("is not JSON"), std::string::npos) << problems[0].message;
  }
  EXPECT_EQ(problems_of("{\n\"group\": \"g\",\n oops}").at(0).line, 3);
  EXPECT_NE(problems_of(R"({"group": 1e999})").at(0).message.find("too large"), std::string::npos);
}

TEST(ReadCases, RefusesWhatIsNoGroup) {
  for (const char* text :
       {"null", "[]", "{}", R"({"group": "g"})", R"({"group": 1, "cases": []})", R"({"cases": []})",
        R"({"group": "g", "cases": {}})", R"({"group": "g", "cases": [1]})"})
    EXPECT_FALSE(problems_of(text).empty()) << text;
}

TEST(ReadCases, FindsRepeatedMembers) {
  const auto problems = problems_of("{\"group\": \"g\",\n\"cases\": [],\n\"group\": \"h\"}");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(to_string(problems[0]), "x.json:3: /group: there is already a member of this name");
}

TEST(ReadCases, HasLimits) {
  EXPECT_NE(problems_of(std::string(1000000, '[')).at(0).message.find("levels deep"), std::string::npos);
  EXPECT_NE(problems_of(std::string(5 << 20, ' ')).at(0).message.find("4 MiB"), std::string::npos);
  std::string wide = "{";
  for (int i = 0; i < 100000; ++i) wide += "\"" + std::to_string(i) + "\": 1,";
  EXPECT_NE(problems_of(wide).at(0).message.find("side by side"), std::string::npos);
}

TEST(LoadCases, ReadsFoldersInTheOrderOfTheirNames) {
  const TestFolder folder;
  folder.put("b.json", group("b", plain_case));
  folder.put("sub/a.json", group("a", plain_case));
  folder.put("clauses.json", "{}");
  folder.put("schema/case.schema.json", "{}");
  folder.put("README.md", "no JSON");
  const auto cases = load_cases({folder.path()});
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].name(), "b/a");
  EXPECT_EQ(cases[1].name(), "a/a");
  EXPECT_EQ(load_cases({folder.path() + "/b.json", folder.path()}).size(), 2u) << "no file is read twice";
}

TEST(LoadCases, FullNamesAreUnique) {
  const TestFolder folder;
  folder.put("a.json", group("a", plain_case));
  folder.put("b.json", group("a", plain_case));
  EXPECT_THROW(load_cases({folder.path()}), BadCase);
}

TEST(LoadCases, SaysWhichFileCannotBeRead) {
  try {
    load_cases({"/nowhere/x.json"});
    ADD_FAILURE();
  } catch (const BadCase& bad) {
    EXPECT_STREQ(bad.what(), "/nowhere/x.json: cannot be read: No such file or directory");
  }
}

}  // namespace
}  // namespace ovlcheck
