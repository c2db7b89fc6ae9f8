#include "harness/case/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "harness/case/schema_text.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

Json schema() {
  return Json::parse(case_schema_text);
}

const std::set<std::string> common = {"expect", "as", "actor", "at", "copies_up", "note"};

TEST(Schema, NamesTheSameOperationsAndMembersAsTheVocabulary) {
  const Json operations = schema().at("definitions").at("operations");
  EXPECT_EQ(operations.size(), vocabulary().size());
  for (const Operation& operation : vocabulary()) {
    const std::string name(operation.name);
    ASSERT_TRUE(operations.contains(name)) << name;
    std::set<std::string> of_schema, of_vocabulary(operation.members.begin(), operation.members.end());
    for (const auto& [key, value] : operations[name].at("properties").items())
      if (!common.contains(key)) of_schema.insert(key);
    of_vocabulary.insert(name);
    EXPECT_EQ(of_schema, of_vocabulary) << name;
    EXPECT_EQ(operations[name].at("required").at(0), name);
    EXPECT_EQ(operations[name].at("additionalProperties"), false);
  }
}

TEST(Schema, SendsEveryOperationToItsDefinition) {
  const Json step = schema().at("definitions").at("step");
  std::set<std::string> offered, sent;
  for (const Json& one : step.at("anyOf")) offered.insert(one.at("required").at(0));
  for (const Json& one : step.at("allOf")) {
    if (!one.contains("if")) continue;
    const std::string name = one.at("if").at("required").at(0);
    EXPECT_EQ(one.at("then").at("$ref"), "#/definitions/operations/" + name);
    sent.insert(name);
  }
  std::set<std::string> known;
  for (const Operation& operation : vocabulary()) known.emplace(operation.name);
  EXPECT_EQ(offered, known);
  EXPECT_EQ(sent, known);
}

TEST(Schema, RefersOnlyToWhatIsThere) {
  const Json document = schema();
  const std::function<void(const Json&)> visit = [&](const Json& json) {
    for (const auto& [key, value] : json.items()) {
      if (key == "$ref" && value.is_string())
        EXPECT_TRUE(document.contains(Json::json_pointer(value.get<std::string>().substr(1)))) << value;
      else if (value.is_structured())
        visit(value);
    }
  };
  visit(document);
}

Json case_with(const std::string& member, const char* json) {
  Json c = {{"id", "a"}, {"title", "T"}, {"clauses", {"X-1"}}, {"steps", Json::array()}};
  c[member] = Json::parse(json);
  return c;
}

Json case_with_step(const char* json) {
  return case_with("steps", ("[" + std::string(json) + "]").c_str());
}

TEST(Schema, AcceptsEveryOperation) {
  for (
      const char* step : {
          R"({"open": "f", "flags": "O_RDWR|O_CREAT", "mode": "0644", "resolve": "RESOLVE_BENEATH", "at": "d", "as": "fd"})",
          R"({"tmpfile": "d", "flags": "O_RDWR", "mode": "0600", "as": "t"})",
          R"({"read": "fd", "expect": {"data": "x"}})",
          R"({"write": "fd", "data": "x", "offset": 3})",
          R"({"write": "fd", "fill": "x", "size": 100})",
          R"({"copy_file_range": ["a", "b"], "size": 5, "offsets": [0, null]})",
          R"({"mknod": "c", "type": "char", "dev": [1, 3], "mode": "0600"})",
          R"({"utimens": "f", "atime": "now", "mtime": [1, 2]})",
          R"({"chown": "f", "uid": 1000, "gid": -1, "actor": "alice", "copies_up": true})",
          R"({"setfacl": "f", "acl": null, "default": true})",
          R"({"remount": true})",
          R"({"remount": {"redirect_dir": "on", "volatile": false}, "order": [1, 0], "expect": "ESTALE"})",
          R"({"offline": "upper", "steps": [{"unlink": "f"}]})",
          R"({"mount": {"index": "on"}, "expect": "EBUSY", "copies_up": true})",
          R"({"overlay": "two", "lower": ["lower[0]", {"f": "x"}], "upper": null, "mount": {"index": "on"}})",
          R"({"overlay": "two", "lower": ["merged/d"], "upper": "upper", "work": "work", "expect": "EBUSY"})",
          R"({"inside": "two", "steps": [{"unlink": "f"}]})",
          R"({"umount": "two"})",
          R"({"offline": "upper", "tree": {"f": {"whiteout": true}}})",
          R"({"tree": "merged", "expect": {"a": true, "b/": {".": {"nlink": 2}, "...": true}}})",
          R"({"tree": "upper", "expect": {"if": {"privilege": "root"}, "then": {}, "else": {"a": ""}}})",
          R"({"volume": "d", "tree": {"f": "x"}})",
          R"({"parallel": [[{"mkdir": "a"}, {"barrier": "b"}], [{"barrier": "b"}]]})",
          R"({"backing": "full", "free": 4096})",
          R"({"run": ["mv", "a", "b"], "expect": {"status": 0}})",
          R"({"rename": ["a", "b"], "expect": ["ok", "EXDEV", {"if": {"options": {"redirect_dir": ["on"]}}, "then": "ok", "else": "EXDEV"}]})",
          R"({"stat": "f", "as": "s", "expect": {"ino": {"same_as": "t.ino"}}, "note": "n"})",
      }) {
    const auto problems = check_case(case_with_step(step));
    EXPECT_TRUE(problems.empty()) << step << "\n" << (problems.empty() ? "" : to_string(problems[0]));
  }
}

struct Bad {
  Json json;
  const char* message;  // with the pointer
};

TEST(Schema, SaysWhatIsWrongAndWhatWouldBeRight) {
  for (const Bad& bad : std::vector<Bad>{
           {case_with_step(R"({"rename": ["a", "b"], "expct": "ok"})"),
            "/steps/0: unknown member \"expct\" (did you mean \"expect\"?)"},
           {case_with_step(R"({"renam": ["a", "b"]})"),
            "/steps/0: unknown operation \"renam\" (did you mean \"rename\"?)"},
           {case_with_step(R"({})"), "/steps/0: names no operation"},
           {case_with_step(R"({"frobnicate": 1})"),
            "/steps/0: names no operation: none is called \"frobnicate\""},
           {case_with_step(R"({"mkdir": "a", "rmdir": "a"})"),
            "/steps/0: names two operations, \"mkdir\" and \"rmdir\"; make two steps of it"},
           {case_with_step(R"({"rename": "a"})"), "/steps/0/rename: must be [OLD, NEW], two paths"},
           {case_with_step(R"({"rename": ["a", 1]})"), "/steps/0/rename/1: must be a path"},
           {case_with_step(R"({"mkdir": "a", "mode": 493})"),
            "/steps/0/mode: must be octal text such as \"0644\""},
           {case_with_step(R"({"mkdir": "a", "mode": "0o755"})"),
            "/steps/0/mode: must be octal text such as \"0644\""},
           {case_with_step(R"({"mkdir": "a", "as": "a.b"})"),
            "/steps/0/as: must be a name: letters, digits, _ and -"},
           {case_with_step(R"({"close": "fd", "at": "d"})"),
            "/steps/0: unknown member \"at\" (did you mean \"as\"?)"},
           {case_with_step(R"({"chmod": "a"})"), "/steps/0: needs the member \"mode\""},
           {case_with_step(R"({"write": "fd"})"), "/steps/0: needs the member \"data\""},
           {case_with_step(R"({"write": "fd", "fill": "x"})"), "/steps/0: needs the member \"size\""},
           {case_with_step(R"({"write": "fd", "fill": "x", "size": 1000000000})"),
            "/steps/0/size: must be a number of bytes, up to 64 MiB"},
           {case_with_step(R"({"mknod": "a", "type": "fif"})"),
            "/steps/0/type: must be file, fifo, socket, char or block (did you mean \"fifo\"?)"},
           {case_with_step(R"({"utimens": "a", "atime": "later"})"),
            "/steps/0/atime: must be seconds, [seconds, nanoseconds], \"now\" or \"omit\""},
           {case_with_step(R"({"tree": "merged"})"), "/steps/0: needs the member \"expect\""},
           {case_with_step(R"({"overlay": "two"})"), "/steps/0: needs the member \"lower\""},
           {case_with_step(R"({"inside": "two"})"), "/steps/0: needs the member \"steps\""},
           {case_with_step(R"({"offline": "upper"})"), "/steps/0: needs the member \"steps\""},
           {case_with_step(R"({"offline": "upper", "steps": [], "tree": {}})"),
            "/steps/0: must be either steps or a tree"},
           {case_with_step(R"({"offline": "upper", "steps": [{"mkdi": "a"}]})"),
            "/steps/0/steps/0: unknown operation \"mkdi\" (did you mean \"mkdir\"?)"},
           {case_with_step(R"({"parallel": [[{"mkdir": 1}]]})"),
            "/steps/0/parallel/0/0/mkdir: must be a path"},
           {case_with_step(R"({"tree": "merged", "expect": {"a": 1}})"),
            "/steps/0/expect/a: must be text (a file) or an object that says what the node is; the name of a "
            "directory ends in \"/\"; or true (anything, but it must exist), false (must not exist)"},
           {case_with_step(R"({"mkdir": "a", "expect": {"if": {"kernl": ">=5"}, "then": "ok"}})"),
            "/steps/0/expect/if: unknown member \"kernl\" (did you mean \"kernel\"?)"},
           {case_with_step(R"({"mkdir": "a", "expect": ["ok", 7]})"),
            "/steps/0/expect/1: must be \"ok\", \"any\", an errno name, an object of result members, an "
            "array of alternatives, or {\"if\", \"then\", \"else\"}"},
           {case_with_step("7"), "/steps/0: must be a step: an object with one operation"},
           {case_with("upper", R"({"d/": {"f": {"file": "x", "mod": "0644"}}})"),
            "/upper/d~1/f: unknown member \"mod\" (did you mean \"mode\"?)"},
           {case_with("upper", R"({"d/": "x"})"), "/upper/d~1: must be a tree: an object, name to node"},
           {case_with("upper", R"({"f": true})"),
            "/upper/f: must be text (a file) or an object that says what the node is; the name of a "
            "directory ends in \"/\""},
           {case_with("upper", R"({"d/": {".": {"opaque": "z"}}})"),
            "/upper/d~1/./opaque: must be true or \"x\""},
           {case_with("lower", R"([])"), "/lower: must be an array of trees, the topmost first, 1 to 600"},
           {case_with("lower", R"([{"f": {"file": [{"hole": -1}]}}])"),
            "/lower/0/f/file/0/hole: must be a number of bytes, up to 2^50"},
           {case_with("mount", R"({"index": 1.5})"),
            "/mount/index: must be text, a number, true (a bare option) or false (no such option)"},
           {case_with("requires", R"({"kernel": "5.11"})"),
            "/requires/kernel: must be a range of versions such as \">=5.11 <6.8\""},
           {case_with("requires", R"({"privilege": "rot"})"),
            "/requires/privilege: must be \"root\" or \"userns\" (did you mean \"root\"?)"},
           {case_with("requires", R"({"needs": ["uid"]})"),
            "/requires/needs/0: must be uids, mount, layers, reflink, flags, fiemap, verity, samefs, fs:NAME "
            "or "
            "lower:FEATURE "
            "(acl, atime, direct, flags, handles, holes, names)"},
           {case_with("actors", R"({"a": {"caps": ["CAP_FOWNR"]}})"),
            "/actors/a/caps/0: must be a capability such as \"CAP_FOWNER\" (did you mean \"CAP_FOWNER\"?)"},
           {case_with("actors", R"({"a": {"uid": -1}})"),
            "/actors/a/uid: must be a numeric id, 0 to 4294967295"},
           {case_with("after", R"({"merged": {"f": 7}})"), "/after/merged/f: must be text (a file) or"},
           {case_with("after", R"({"if": {"samefs": 1}, "then": {}})"),
            "/after/if/samefs: must be true or false"},
           {case_with("clauses", R"([])"), "/clauses: must be an array of clause ids"},
           {case_with("clauses", R"(["copyup"])"), "/clauses/0: must be a clause id such as \"COPYUP-1\""},
           {case_with("id", R"("A b")"), "/id: must be a short name: lower-case letters, digits and -"},
           {case_with("titel", R"("x")"), ": unknown member \"titel\" (did you mean \"title\"?)"},
           {case_with("title", R"("")"), "/title: must be one sentence"},
           {Json::object(), ": needs the member \"id\""},
           {Json(1), ": must be a case"},
       }) {
    const auto problems = check_case(bad.json);
    ASSERT_FALSE(problems.empty()) << bad.json;
    std::string all;
    bool found = false;
    for (const Problem& problem : problems) {
      const std::string text = problem.pointer + ": " + problem.message;
      found = found || text.starts_with(bad.message);
      all += text + "\n";
    }
    EXPECT_TRUE(found) << bad.json << "\nwanted: " << bad.message << "\ngot:    " << all;
    EXPECT_EQ(problems.size(), bad.json == Json::object() ? 4u : 1u) << bad.json << "\n" << all;
  }
}

TEST(Schema, SurvivesHostileTexts) {
  const std::string huge(1000000, 'a');
  Json c = case_with("steps", "[]");
  c["id"] = huge;
  c["upper"] = {{huge, "x"}};
  c["steps"] = {{{"mkdir", huge}, {"mode", std::string(1000000, '7')}, {"as", huge}}, {{huge, 1}}};
  EXPECT_FALSE(check_case(c).empty());
  Json deep = Json::object();
  for (int i = 0; i < 250; ++i) deep = Json{{"d/", std::move(deep)}};
  EXPECT_TRUE(check_case(case_with("upper", deep.dump().c_str())).empty());
}

TEST(ClausesSchema, ChecksTheIndex) {
  EXPECT_TRUE(
      check_clauses(Json::parse(R"({"clauses": [{"id": "A-1", "group": "a", "text": "t", "source": "s",
    "since": "5.11", "untestable": "u"}]})"))
          .empty());
  const auto problems =
      check_clauses(Json::parse(R"({"clauses": [{"id": "A-1", "group": "a", "txt": "t", "source": "s"}]})"));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].pointer, "/clauses/0");
}

}  // namespace
}  // namespace ovlcheck
