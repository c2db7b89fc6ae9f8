#include "harness/case/problem.h"

#include <gtest/gtest.h>

#include "harness/case/scan.h"

namespace ovlcheck {
namespace {

constexpr std::string_view text = R"({
  "group": "rename",
  "cases": [
    {"id": "a",
     "steps": [{"open": "f"},
               {"a/b~c": {"x": [1,
                  2]}}]},
    {"id":
       "b, \" { [ "}
  ]
}
)";

TEST(LineOf, FindsMembersElementsAndEscapedNames) {
  EXPECT_EQ(line_of(text, ""), 1);
  EXPECT_EQ(line_of(text, "/group"), 2);
  EXPECT_EQ(line_of(text, "/cases"), 3);
  EXPECT_EQ(line_of(text, "/cases/0/steps/0/open"), 5);
  EXPECT_EQ(line_of(text, "/cases/0/steps/1/a~1b~0c/x/1"), 7);
  EXPECT_EQ(line_of(text, "/cases/1"), 8);
  EXPECT_EQ(line_of(text, "/cases/1/id"), 9);
}

TEST(LineOf, IsZeroForWhatIsNotThere) {
  EXPECT_EQ(line_of(text, "/cases/2"), 0);
  EXPECT_EQ(line_of(text, "/cases/0/steps/0/ope"), 0);
  EXPECT_EQ(line_of("", ""), 0);
}

TEST(LineOf, SurvivesTextThatIsNotJson) {
  for (const char* bad :
       {"{", "[", "}", "]]", "{\"", "{\"\\", "{\"a\":", "[1 2 3", "\"\\u12", "{{{", "[,,", "{\"\\q\":1}"})
    EXPECT_GE(line_of(bad, "/nowhere"), 0) << bad;
  EXPECT_EQ(line_of(std::string(1000000, '['), "/1"), 0);
}

TEST(Scan, NoticesRepeatedKeys) {
  std::vector<std::string> repeated;
  scan_json(R"({"a": {"x": 1, "\u0078": 2}, "b": {"x": 1}, "a": 3})", [&](const Scanned& value) {
    if (value.repeated_key) repeated.emplace_back(value.pointer);
    return true;
  });
  EXPECT_EQ(repeated, (std::vector<std::string>{"/a/x", "/a"}));
}

TEST(Problem, ReadsLikeACompilerMessage) {
  const Problem problem{.file = "cases/a.json", .pointer = "/cases/0", .line = 12, .message = "no title"};
  EXPECT_EQ(to_string(problem), "cases/a.json:12: /cases/0: no title");
  EXPECT_EQ(to_string({.file = "a.json", .pointer = "", .message = "cannot be read"}),
            "a.json: cannot be read");
}

TEST(BadCase, SaysEverythingInWhat) {
  const BadCase bad({{.file = "a", .pointer = "/x", .line = 1, .message = "one"},
                     {.file = "b", .pointer = "", .line = 2, .message = "two"}});
  EXPECT_STREQ(bad.what(), "a:1: /x: one\nb:2: two");
}

}  // namespace
}  // namespace ovlcheck
