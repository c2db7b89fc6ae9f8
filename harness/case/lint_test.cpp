#include "harness/case/lint.h"

#include <gtest/gtest.h>

#include "harness/case/case.h"
#include "harness/case/lint_case.h"
#include "harness/case/test_folder.h"

namespace ovlcheck {
namespace {

Json case_json(const char* members) {
  Json json = Json::parse(members);
  for (const auto& [key, value] : std::map<std::string, Json>{
           {"id", "a"}, {"title", "T"}, {"clauses", Json::array({"A-1"})}, {"steps", Json::array()}})
    if (!json.contains(key)) json[key] = value;
  return json;
}

// Everything lint says against a case with these members, one line each.
std::string said(const char* members) {
  std::string all;
  for (const Problem& problem : lint_case(case_from_json(case_json(members), "g", "")))
    all += problem.pointer + ": " + problem.message + "\n";
  return all;
}

std::string said_of_steps(const std::string& steps) {
  return said((R"({"steps": [)" + steps + "]}").c_str());
}

TEST(LintCase, IsContentWithGoodCases) {
  for (
      const char* good :
      {R"({})",
       R"({"steps": [{"open": "f", "as": "fd"}, {"read": "fd"}, {"mmap": "fd", "size": 1, "prot": "PROT_READ",
               "flags": "MAP_SHARED", "as": "m"}, {"mread": "m", "count": 1}, {"close": "fd"}, {"munmap": "m"}]})",
       R"({"steps": [{"stat": "f", "as": "s"}, {"stat": "f", "expect": {"ino": {"same_as": "s.ino"}}},
               {"remount": true}, {"stat": "f", "expect": {"ino": {"same_as": "s.ino"}, "size": {"at_least": 1, "at_most": 5}}}]})",
       R"({"steps": [{"open": "d", "as": "d"}, {"mkdir": "x", "at": "d"}, {"readdir": "d", "count": 1, "as": "r"},
               {"readdir": "d", "seek": "r", "expect": {"entries": {"f": "file"}}}, {"flink": ["d", "n"]}]})",
       R"({"steps": [{"readdir": "d", "as": "l"}, {"stat": "d/f", "expect": {"ino": {"same_as": "l.inos.f"}}},
               {"readdir": "d", "expect": {"entries": {"lacks": "x"}}}]})",
       R"({"steps": [{"inotify": "f", "mask": "IN_MODIFY", "as": "w"}, {"events": "w", "expect": {"events": []}},
               {"name_to_handle": "f", "as": "h"}, {"remount": true}, {"open_by_handle": "h", "as": "fd"}, {"read": "fd"}]})",
       R"({"actors": {"alice": {}}, "steps": [{"mkdir": "d", "actor": "alice", "expect": ["ok", "EACCES",
               {"if": {"privilege": "root"}, "then": "EPERM", "else": "any"}]}]})",
       R"({"mounted": false, "steps": [{"mount": {}, "expect": "EINVAL"}, {"mount": {}}, {"mkdir": "d"}, {"umount": true}]})",
       R"({"lower": [{}, {}], "steps": [{"remount": true, "order": [1, 0]}, {"offline": "lower[1]", "steps":
               [{"open": "f", "as": "x"}, {"write": "x", "data": "y"}]}, {"offline": "upper", "tree": {"w": {"whiteout": true}}}]})",
       R"({"steps": [{"parallel": [[{"mkdir": "a"}, {"barrier": "x"}], [{"barrier": "x"}, {"open": "a", "as": "fd"}]]}, {"fstat": "fd"}]})",
       R"({"steps": [{"overlay": "two", "lower": ["merged", {}]}, {"inside": "two", "steps": [{"open": "f", "as": "x"}]},
               {"inside": "two", "steps": [{"read": "x"}]}, {"tree": "two.lower[1]", "expect": {}}, {"umount": "two"},
               {"overlay": "three", "lower": ["two.upper", "two.lower[0]/d"], "upper": null}], "after": {"two.upper": {}}})",
       R"({"data": [{}], "after": {"merged": {}, "upper": {}, "work": {}, "lower[0]": {}, "data[0]": {}}})",
       R"({"after": {"if": {"samefs": true}, "then": {"merged": {}}, "else": {"upper": {}}}})",
       R"({"lower": [{"d/": {"f": "x"}, "g": {"hardlink": "d/f"}}]})"})
    EXPECT_EQ(said(good), "") << good;
}

TEST(LintCase, FindsNamesNobodyGave) {
  EXPECT_EQ(said_of_steps(R"({"open": "f", "as": "file"}, {"read": "fiel"})"),
            "/steps/1/read: no earlier step has given the name \"fiel\" with \"as\"; an \"open\" must come "
            "first (did you mean "
            "\"file\"?)\n");
  EXPECT_EQ(said_of_steps(R"({"copy_file_range": ["a", "b"], "size": 1})"),
            "/steps/0/copy_file_range/0: no earlier step has given the name \"a\" with \"as\"; an \"open\" "
            "must come first\n"
            "/steps/0/copy_file_range/1: no earlier step has given the name \"b\" with \"as\"; an \"open\" "
            "must come first\n");
  EXPECT_NE(said_of_steps(R"({"flink": ["t", "n"]})"), "");
  EXPECT_NE(said_of_steps(R"({"mkdir": "n", "at": "d"})"), "");
  EXPECT_NE(said_of_steps(R"({"readdir": "n", "seek": "d"})"), "");
  EXPECT_NE(said_of_steps(R"({"open_by_handle": "h"})"), "");
  EXPECT_NE(said_of_steps(R"({"events": "w"})"), "");
  EXPECT_EQ(said_of_steps(R"({"open": "f", "as": "fd"}, {"mread": "fd", "count": 1})"),
            "/steps/1/mread: \"fd\" is not the name of an \"mmap\"\n");
}

TEST(LintCase, KnowsThatAnUnmountClosesDescriptors) {
  EXPECT_EQ(said_of_steps(R"({"open": "f", "as": "fd"}, {"remount": true}, {"read": "fd"})"),
            "/steps/2/read: \"fd\" did not survive the unmount; an \"open\" must give the name again\n");
  EXPECT_NE(said_of_steps(R"({"offline": "upper", "steps": [{"open": "f", "as": "fd"}]}, {"read": "fd"})"),
            "");
}

TEST(LintCase, FindsUnknownNames) {
  EXPECT_EQ(said(R"({"actors": {"alice": {}}, "steps": [{"mkdir": "d", "actor": "alcie"}]})"),
            "/steps/0/actor: unknown actor \"alcie\" (did you mean \"alice\"?)\n");
  EXPECT_EQ(said_of_steps(R"({"open": "f", "flags": "O_RDWR|O_CREATE"})"),
            "/steps/0/flags: unknown open constant \"O_CREATE\" (did you mean \"O_CREAT\"?)\n");
  EXPECT_NE(said_of_steps(R"({"rename": ["a", "b"], "flags": "O_RDWR"})"), "");
  EXPECT_EQ(said_of_steps(R"({"mkdir": "d", "expect": ["ok", "EACCESS"]})"),
            "/steps/0/expect/1: unknown error name \"EACCESS\" (did you mean \"EACCES\"?)\n");
  EXPECT_NE(
      said_of_steps(R"({"mkdir": "d", "expect": {"if": {"samefs": true}, "then": "OK", "else": "EWHAT"}})"),
      "");
}

TEST(LintCase, FindsResultsAnOperationDoesNotHave) {
  EXPECT_EQ(said_of_steps(R"({"cat": "f", "expect": {"dat": "x"}})"),
            "/steps/0/expect/dat: the result of \"cat\" has no member \"dat\" (did you mean \"data\"?)\n");
  EXPECT_EQ(said_of_steps(R"({"cat": "f", "expect": {"mode": "x"}})"),
            "/steps/0/expect/mode: the result of \"cat\" has no member \"mode\"; it has data, size\n");
  EXPECT_EQ(said_of_steps(R"({"mkdir": "f", "expect": {"data": "x"}})"),
            "/steps/0/expect/data: a result of \"mkdir\" has no members\n");
}

TEST(LintCase, FindsComparisonsThatMakeNoSense) {
  EXPECT_EQ(
      said_of_steps(R"({"stat": "f", "expect": {"ino": 7}})"),
      "/steps/0/expect/ino: identities differ from run to run; compare with {\"same_as\": \"NAME.ino\"}\n");
  EXPECT_EQ(
      said_of_steps(R"({"stat": "f", "as": "one"}, {"stat": "f", "expect": {"ino": {"same_as": "on.ino"}}})"),
      "/steps/1/expect/ino/same_as: no earlier step has given the name \"on\" (did you mean \"one\"?)\n");
  EXPECT_EQ(
      said_of_steps(
          R"({"stat": "f", "as": "one"}, {"stat": "f", "expect": {"ino": {"differs_from": "one.inode"}}})"),
      "/steps/1/expect/ino/differs_from: \"one\" is the result of \"stat\", which has no member \"inode\"\n");
  EXPECT_NE(said_of_steps(R"({"stat": "f", "expect": {"ino": {"same_as": "one"}}})"), "");
  EXPECT_NE(said_of_steps(R"({"stat": "f", "expect": {"ino": {"same_as": 1}}})"), "");
  EXPECT_NE(said_of_steps(R"({"stat": "f", "expect": {"size": {"atleast": 1}}})"), "");
  EXPECT_NE(said_of_steps(R"({"stat": "f", "expect": {"size": {"at_least": "1"}}})"), "");
  EXPECT_NE(said_of_steps(R"({"stat": "f", "expect": {"type": {"one_of": "file"}}})"), "");
}

TEST(LintCase, FindsLayersThatAreNotThere) {
  EXPECT_EQ(
      said(R"({"lower": [{}, {}], "after": {"lower[2]": {}}})"),
      "/after/lower[2]: there is no layer \"lower[2]\"; known are merged, upper, work, lower[0], lower[1]\n");
  EXPECT_NE(said(R"({"upper": null, "after": {"upper": {}}})"), "");
  EXPECT_NE(said(R"({"after": {"if": {"samefs": true}, "then": {"uper": {}}}})"), "");
  EXPECT_NE(said_of_steps(R"({"tree": "lower", "expect": {}})"), "");
  EXPECT_NE(said_of_steps(R"({"offline": "merged", "steps": []})"), "");
  EXPECT_EQ(said(R"({"lower": [{}, {}], "steps": [{"remount": true, "order": [1, 1]}]})"),
            "/steps/0/order: must name each of the 2 lower layers once, from 0\n");
}

TEST(LintCase, FindsTreesThatMakeNoSense) {
  EXPECT_NE(said(R"({"upper": {"d/": {"h": {"hardlink": "d/x"}}}})"), "");
  EXPECT_EQ(
      said(R"({"after": {"merged": {"d/": {"f": {}}}}})").find("/after/merged/d~1/f: says not what it is"),
      0u);
  EXPECT_EQ(said_of_steps(R"({"tree": "merged", "expect": {"a": "x", "a/": {}}})"),
            "/steps/0/expect/a~1: there is already a node of this name\n");
  EXPECT_NE(said_of_steps(R"({"offline": "upper", "tree": {"a/b": ""}})"), "");
}

TEST(LintCase, ChecksOtherOverlays) {
  EXPECT_EQ(said_of_steps(R"({"overlay": "two", "lower": ["lower[3]"]})")
                .find("/steps/0/lower/0: there is no layer"),
            0u);
  EXPECT_NE(said_of_steps(R"({"overlay": "two", "lower": ["merged"], "upper": "uper"})"), "");
  EXPECT_NE(said_of_steps(R"({"overlay": "two", "lower": ["merged"], "work": "wrk"})"), "");
  EXPECT_NE(said_of_steps(R"({"overlay": "two", "lower": [{"f": {}}]})"), "");
  EXPECT_NE(
      said_of_steps(R"({"overlay": "two", "lower": ["merged"]}, {"overlay": "two", "lower": ["merged"]})"),
      "");
  EXPECT_NE(
      said_of_steps(
          R"({"overlay": "two", "lower": ["merged"], "upper": null}, {"tree": "two.upper", "expect": {}})"),
      "");
  EXPECT_EQ(said_of_steps(R"({"inside": "two", "steps": []})"),
            "/steps/0/inside: there is no overlay \"two\"; an \"overlay\" must come first\n");
  const std::string two = R"({"overlay": "two", "lower": ["merged"]}, )";
  EXPECT_EQ(said_of_steps((two + R"({"umount": "two"}, {"inside": "two", "steps": []})").c_str()),
            "/steps/2/inside: the overlay \"two\" is not mounted here\n");
  EXPECT_NE(said_of_steps((two + R"({"remount": true}, {"inside": "two", "steps": []})").c_str()), "");
  EXPECT_NE(said_of_steps((two + R"({"inside": "two", "steps": [{"remount": true}]})").c_str()), "");
  EXPECT_NE(said_of_steps(
                (two + R"({"inside": "two", "steps": [{"open": "f", "as": "x"}]}, {"read": "x"})").c_str()),
            "");
}

TEST(LintCase, FindsStepsInTheWrongPlace) {
  EXPECT_NE(said(R"({"mounted": false, "steps": [{"mkdir": "d"}]})"), "");
  EXPECT_NE(said_of_steps(R"({"mount": {}})"), "");
  EXPECT_NE(said_of_steps(R"({"umount": true}, {"umount": true})"), "");
  EXPECT_NE(said_of_steps(R"({"remount": true, "expect": "ESTALE"}, {"mkdir": "d"})"), "");
  EXPECT_NE(said_of_steps(R"({"barrier": "x"})"), "");
  EXPECT_NE(said_of_steps(R"({"parallel": [[{"remount": true}]]})"), "");
  EXPECT_NE(said_of_steps(R"({"offline": "upper", "steps": [{"remount": true}]})"), "");
  EXPECT_EQ(said_of_steps(R"({"parallel": [[{"barrier": "x"}], [{"mkdir": "a"}]]})"),
            "/steps/0/parallel/0/0: no other list has the barrier \"x\", so nobody is waited for\n");
}

std::string group(const std::string& name, const std::string& members) {
  return "{\"group\": \"" + name + "\",\n\"cases\": [\n" + case_json(members.c_str()).dump() + "]}";
}

std::string lint_said(const TestFolder& folder, const std::string& below = "") {
  std::string all;
  for (const Problem& problem : lint({folder.path() + below})) {
    const std::string text = to_string(problem);
    all += (text.starts_with(folder.path()) ? text.substr(folder.path().size() + 1) : text) + "\n";
  }
  return all;
}

constexpr const char* clauses = R"({"clauses": [
  {"id": "A-1", "group": "a", "text": "t", "source": "s"},
  {"id": "A-2", "group": "a", "text": "t", "source": "s"},
  {"id": "A-3", "group": "a", "text": "t", "source": "s", "untestable": "u"}]})";

TEST(Lint, ComparesCasesWithTheClauseIndex) {
  const TestFolder folder;
  folder.put("clauses.json", clauses);
  folder.put("a.json", group("a", R"({"clauses": ["A-1", "A-22"]})"));
  EXPECT_EQ(lint_said(folder),
            "a.json:3: /cases/0/clauses/1: clauses.json has no clause \"A-22\" (did you mean \"A-2\"?)\n");
  folder.put("a.json", group("a", R"({"clauses": ["A-1", "A-3"]})"));
  EXPECT_EQ(lint_said(folder),
            "clauses.json:3: /clauses/1: no case covers A-2; write one, or say why in \"untestable\"\n"
            "clauses.json:4: /clauses/2: there are cases on A-3; \"untestable\" must go\n");
  EXPECT_EQ(lint_said(folder, "/a.json"), "") << "one file need not cover everything";
  folder.put("a.json", group("a", R"({"clauses": ["A-1", "A-2"]})"));
  EXPECT_EQ(lint_said(folder), "");
}

TEST(Lint, FileAndGroupHaveOneName) {
  const TestFolder folder;
  folder.put("b.json", group("a", "{}"));
  EXPECT_EQ(lint_said(folder),
            "b.json:1: /group: the file must be called a.json, or the group as the file\n");
}

TEST(Lint, NamesAreUniqueAcrossFiles) {
  const TestFolder folder;
  folder.put("a.json", group("a", "{}"));
  folder.put("sub/a.json", group("a", "{}"));
  EXPECT_NE(lint_said(folder).find("there is already a case \"a/a\""), std::string::npos);
}

TEST(Lint, FindsProblemsInAllFiles) {
  const TestFolder folder;
  folder.put("clauses.json", "{");
  folder.put("a.json", "{\"group\"");
  folder.put("b.json", group("b", R"({"steps": [{"mkdr": "d"}]})"));
  folder.put("c.json", group("c", R"({"steps": [{"close": "fd"}]})"));
  const auto problems = lint({folder.path(), "/nowhere"});
  EXPECT_EQ(problems.size(), 5u);
}

TEST(Lint, HasNothingAgainstTheSuite) {
  for (const Problem& problem : lint({OVLCHECK_SOURCE_DIR "/cases"})) ADD_FAILURE() << to_string(problem);
}

TEST(Lint, TellsWhereInATableAMistakeIs) {
  const TestFolder folder;
  folder.put("a.json",
             "{\"group\": \"a\", \"cases\": [{\"id\": \"a\", \"title\": \"T\", \"clauses\": [\"A-1\"],\n"
             "\"for\": {\"k\": {\"x\": {\"s\": [\n{\"mkdir\": \"d\", \"expect\": "
             "\"EEXISTS\"}]}}},\n\"steps\": [\"...${k.s}\"]}]}");
  EXPECT_EQ(
      lint_said(folder),
      "a.json:3: /cases/0/for/k/x/s/0/expect: unknown error name \"EEXISTS\" (did you mean \"EEXIST\"?)\n");
}

}  // namespace
}  // namespace ovlcheck
