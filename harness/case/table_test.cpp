#include "harness/case/table.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

std::vector<Json> expand(const char* json) {
  return expand_table(Json::parse(json), "");
}

std::vector<std::string> ids(const std::vector<Json>& cases) {
  std::vector<std::string> all;
  for (const Json& json : cases) all.push_back(json.at("id"));
  return all;
}

TEST(Table, ACaseWithoutOneIsItself) {
  const auto cases = expand(R"({"id": "a", "title": "costs ${money}"})");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0], Json::parse(R"({"id": "a", "title": "costs ${money}"})"));
}

TEST(Table, MultipliesAndNames) {
  const auto cases = expand(R"({"id": "t", "for": {"op": ["chmod", "chown"], "type": {"file": {"node": "x"},
    "link": {"node": {"symlink": "t"}}}}, "lower": [{"n": "${type.node}"}], "steps": [{"${op}": "n", "note": "${op} of a ${type}"}]})");
  EXPECT_EQ(ids(cases),
            (std::vector<std::string>{"t[chmod,file]", "t[chmod,link]", "t[chown,file]", "t[chown,link]"}));
  EXPECT_EQ(cases[1], Json::parse(R"({"id": "t[chmod,link]", "lower": [{"n": {"symlink": "t"}}],
    "steps": [{"chmod": "n", "note": "chmod of a link"}]})"));
}

TEST(Table, IdsHaveNoAwkwardCharacters) {
  EXPECT_EQ(ids(expand(R"({"id": "t", "for": {"a": ["x y", "a,b", "\uf7ff"]}, "s": "${a}"})")),
            (std::vector<std::string>{"t[x_y]", "t[a_b]", "t[___]"}));
}

TEST(Table, ValuesKeepTheirTypes) {
  const auto cases =
      expand(R"({"id": "t", "for": {"n": [1, 2]}, "a": "${n}", "b": "size ${n}", "c": [["${n}"]]})");
  EXPECT_EQ(cases[1], Json::parse(R"({"id": "t[2]", "a": 2, "b": "size 2", "c": [[2]]})"));
}

TEST(Table, SplicesArrays) {
  const auto cases = expand(R"({"id": "t", "for": {"k": {"none": {"s": []}, "two": {"s": [1, [2]]}}},
    "steps": [0, "...${k.s}", 3]})");
  EXPECT_EQ(cases[0]["steps"], Json::parse("[0, 3]"));
  EXPECT_EQ(cases[1]["steps"], Json::parse("[0, 1, [2], 3]"));
}

TEST(Table, ValuesMayUseOtherVariables) {
  const auto cases = expand(
      R"({"id": "t", "for": {"name": ["a", "b"], "how": {"x": {"step": {"open": "${name}"}}}}, "s": ["${how.step}"]})");
  EXPECT_EQ(cases[1]["s"], Json::parse(R"([{"open": "b"}])"));
}

TEST(Table, ReachesIntoNestedMembers) {
  const auto cases = expand(R"({"id": "t", "for": {"k": {"v": {"a": {"b": 7}}}}, "x": "${k.a.b}"})");
  EXPECT_EQ(cases[0]["x"], 7);
}

TEST(Table, ExceptDropsCombinations) {
  const auto cases = expand(
      R"({"id": "t", "for": {"a": ["x", "y"], "b": [1, 2]}, "except": [{"a": "x", "b": 2}, {"b": 1}]})");
  EXPECT_EQ(ids(cases), std::vector<std::string>{"t[y,2]"});
}

TEST(Table, KnowsWhereValuesCameFrom) {
  const Json json = Json::parse(
      R"({"id": "t", "for": {"k": {"v": {"s": [{"a": 1}, {"b": 2}]}}}, "steps": ["...${k.s}", {"c": 3}]})");
  Origins origins;
  Table(json).expand(0, &origins);
  EXPECT_EQ(origins.at("/steps/1/b"), "/for/k/v/s/1/b");
  EXPECT_EQ(origins.at("/steps/2/c"), "/steps/1/c");
}

struct Bad {
  const char* json;
  const char* pointer;
  const char* message;  // a part of it
};

TEST(Table, RefusesNonsenseAndSaysWhere) {
  for (const Bad& bad : {
           Bad{"[]", "/c", "must be an object"},
           Bad{R"({"for": {"a": [1]}})", "/c", "\"id\""},
           Bad{R"({"id": "t", "for": {}})", "/c/for", "at least one"},
           Bad{R"({"id": "t", "for": {"a": []}})", "/c/for/a", "not empty"},
           Bad{R"({"id": "t", "for": {"a": "x"}})", "/c/for/a", "array of values"},
           Bad{R"({"id": "t", "for": {"a b": [1]}})", "/c/for/a b", "letters"},
           Bad{R"({"id": "t", "for": {"a": [1, 1]}})", "/c/for/a/1", "already a value"},
           Bad{R"({"id": "t", "for": {"a": [""]}})", "/c/for/a/0", "give it a name"},
           Bad{R"({"id": "t", "for": {"a": ["x y", "x_y"]}})", "/c/for/a/1", "already a value"},
           Bad{R"({"id": "t", "for": {"a": [{"x": 1}]}})", "/c/for/a/0", "give it a name"},
           Bad{R"({"id": "t", "for": {"a": {"x": 1}}})", "/c/for/a/x", "must be an object"},
           Bad{R"({"id": "t", "for": {"kind": [1]}, "x": "${kin}"})", "/c/x", "did you mean \"kind\""},
           Bad{R"({"id": "t", "for": {"k": {"v": {"node": 1}}}, "x": "${k.nod}"})", "/c/x",
               "did you mean \"node\""},
           Bad{R"({"id": "t", "for": {"k": ["v"]}, "x": "${k.node}"})", "/c/x", "has no members"},
           Bad{R"({"id": "t", "for": {"k": {"v": {"l": []}}}, "x": "a ${k.l}"})", "/c/x", "no text"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": "a ${k"})", "/c/x", "no \"}\""},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": ["...${k}"]})", "/c/x/0", "not an array"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": ["...${k} "]})", "/c/x/0", "no more"},
           Bad{R"({"id": "t", "for": {"k": ["a"]}, "x": {"a": 1, "${k}": 2}})", "/c/x/${k}",
               "already a member"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": [{"repeat": "a", "of": []}]})", "/c/x/0/repeat",
               "must be a number"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": [{"repeat": 1, "of": 2}]})", "/c/x/0/of",
               "must be an array"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": [{"repeat": 1, "of": [], "off": 2}]})", "/c/x/0/off",
               "a repetition has"},
           Bad{R"({"id": "t", "for": {"k": [1]}, "x": [{"repeat": 1, "of": [], "count": "a b"}]})",
               "/c/x/0/count", "letters"},
           Bad{R"({"id": "t", "except": []})", "/c/except", "no \"for\""},
           Bad{R"({"id": "t", "for": {"k": [1]}, "except": [{"j": 1}]})", "/c/except/0/j",
               "no such variable"},
           Bad{R"({"id": "t", "for": {"k": ["chmod"]}, "except": [{"k": "chmd"}]})", "/c/except/0/k",
               "did you mean \"chmod\""},
           Bad{R"({"id": "t", "for": {"k": [1]}, "except": [{"k": 1}]})", "/c/except", "leaves no case"},
           Bad{R"({"id": "t", "for": {"k": {"v": {"x": "${k.x}"}}}, "x": "${k.x}"})", "/c/for/k/v/x",
               "without end"},
           Bad{R"({"id": "t", "for": {"k": {"v": {"x": ["${k.x}", "${k.x}"]}}}, "x": "${k.x}"})",
               "/c/for/k/v/x", "without end"},
       }) {
    try {
      expand_table(Json::parse(bad.json), "/c");
      ADD_FAILURE() << bad.json << " was accepted";
    } catch (const BadCase& e) {
      ASSERT_EQ(e.problems.size(), 1u);
      EXPECT_EQ(e.problems[0].pointer, bad.pointer) << e.what();
      EXPECT_NE(e.problems[0].message.find(bad.message), std::string::npos) << e.what();
    }
  }
}

TEST(Table, RepeatsElements) {
  const auto cases = expand_table(Json::parse(R"({"id": "t",
    "for": {"n": {"two": {"is": 2, "more": ["c", {"repeat": "${n.is}", "of": ["d"]}]}}},
    "lower": ["top", {"repeat": "${n.is}", "of": [{"f${i}": "${i}"}, "x"], "count": "i"}, "bottom"],
    "steps": [{"repeat": 2, "of": ["a", {"repeat": 2, "of": ["b"]}]}, {"repeat": 0, "of": ["c"]}, "...${n.more}"]})"),
                                  "");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0]["lower"], Json::parse(R"(["top", {"f0": "0"}, "x", {"f1": "1"}, "x", "bottom"])"));
  EXPECT_EQ(cases[0]["steps"], Json::parse(R"(["a", "b", "b", "a", "b", "b", "c", "d", "d"])"));
}

TEST(Table, HasLimits) {
  Json axis = Json::array();
  for (int i = 0; i < 101; ++i) axis.push_back(i);
  EXPECT_THROW(expand_table({{"id", "t"}, {"for", {{"a", axis}, {"b", axis}}}}, ""), BadCase);

  // Each level doubles the one below.
  Json bomb = {{"id", "t"}, {"for", {{"k", {{"v", Json::object()}}}}}, {"x", "${k.l0}"}};
  for (int i = 0; i < 15; ++i) {
    const std::string next = "${k.l" + std::to_string(i + 1) + "}";
    bomb["for"]["k"]["v"]["l" + std::to_string(i)] = Json::array({next, next, next, next});
  }
  bomb["for"]["k"]["v"]["l15"] = 1;
  EXPECT_THROW(expand_table(bomb, ""), BadCase);
}

}  // namespace
}  // namespace ovlcheck
