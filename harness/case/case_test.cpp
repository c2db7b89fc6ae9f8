#include "harness/case/case.h"

#include <gtest/gtest.h>

#include <chrono>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

Case read(const char* json) {
  return case_from_json(Json::parse(json), "g", "/cases/0");
}

constexpr const char* full = R"({"id": "lower-dir-is-exdev", "title": "Renaming fails", "about": "Because.",
  "clauses": ["RENAME-1"], "mount": {"redirect_dir": "off", "volatile": true, "xino": false},
  "requires": {"kernel": ">=5.11", "privilege": "root", "needs": ["uids", "mount"]},
  "actors": {"alice": {"uid": 1000, "gid": 1001, "groups": [5], "caps": ["CAP_FOWNER"], "umask": "0077"}},
  "lower": [{"d/": {"f": "hello"}}, {}], "upper": {"g": "x"}, "data": [{"h": "y"}],
  "steps": [{"rename": ["d", "e"], "expect": "EXDEV", "actor": "alice", "copies_up": true},
            {"open": "d/f", "flags": "O_RDONLY", "as": "fd"},
            {"offline": "upper", "steps": [{"unlink": "g"}]},
            {"offline": "lower[0]", "tree": {"z": "z"}},
            {"parallel": [[{"mkdir": "a"}], [{"mkdir": "b"}, {"barrier": "x"}]]}],
  "after": {"merged": {"d/": {"f": "hello"}}}})";

TEST(Case, ReadsAllMembers) {
  const Case c = read(full);
  EXPECT_EQ(c.name(), "g/lower-dir-is-exdev");
  EXPECT_EQ(c.title, "Renaming fails");
  EXPECT_EQ(c.clauses, std::vector<std::string>{"RENAME-1"});
  EXPECT_EQ(c.mount, (Options{{"redirect_dir", "off"}, {"volatile", ""}}));
  EXPECT_EQ(c.requires_.kernel, ">=5.11");
  EXPECT_EQ(c.requires_.privilege, "root");
  EXPECT_EQ(c.requires_.needs, (std::vector<std::string>{"uids", "mount"}));
  EXPECT_EQ(c.actors.at("alice").gid, 1001u);
  EXPECT_EQ(c.actors.at("alice").umask, 077u);
  EXPECT_EQ(c.lowers.size(), 2u);
  EXPECT_TRUE(c.upper->children.contains("g"));
  EXPECT_EQ(c.data.size(), 1u);
  ASSERT_EQ(c.steps.size(), 5u);
  EXPECT_EQ(c.steps[0].op, "rename");
  EXPECT_EQ(c.steps[0].expect, "EXDEV");
  EXPECT_EQ(c.steps[0].actor, "alice");
  EXPECT_TRUE(c.steps[0].copies_up);
  EXPECT_EQ(c.steps[1].as, "fd");
  EXPECT_EQ(c.steps[1].expect, "ok");
  EXPECT_EQ(c.steps[1].where, "/steps/1");
  EXPECT_EQ(c.steps[2].tracks.at(0).at(0).op, "unlink");
  EXPECT_EQ(c.steps[2].tracks.at(0).at(0).where, "/steps/2/steps/0");
  EXPECT_EQ(c.steps[3].op, "offline");
  EXPECT_TRUE(c.steps[3].tracks.empty());
  EXPECT_EQ(c.steps[4].tracks.at(1).at(1).where, "/steps/4/parallel/1/1");
  EXPECT_TRUE(c.after.contains("merged"));
  EXPECT_TRUE(same_json(c.json, Json::parse(full)));
}

TEST(Case, HasDefaults) {
  const Case c = read(R"({"id": "a", "title": "t", "clauses": [], "steps": []})");
  EXPECT_EQ(c.lowers.size(), 1u);
  EXPECT_TRUE(c.upper.has_value());
  EXPECT_TRUE(c.mounted);
  EXPECT_TRUE(c.after.is_null());
  EXPECT_FALSE(read(R"({"id": "a", "upper": null, "mounted": false})").upper.has_value());
}

TEST(Case, RefusesWrongTypesAndSaysWhere) {
  for (const auto& [json, pointer] : std::map<std::string, std::string>{
           {R"([])", "/cases/0"},
           {R"({"id": 1})", "/cases/0/id"},
           {R"({"tile": ""})", "/cases/0/tile"},
           {R"({"lower": {}})", "/cases/0/lower"},
           {R"({"lower": []})", "/cases/0/lower"},
           {R"({"lower": [{"a": 1}]})", "/cases/0/lower/0/a"},
           {R"({"upper": 1})", "/cases/0/upper"},
           {R"({"mount": {"a": []}})", "/cases/0/mount/a"},
           {R"({"requires": {"kernal": ""}})", "/cases/0/requires/kernal"},
           {R"({"actors": {"a": {"uid": -1}}})", "/cases/0/actors/a/uid"},
           {R"({"actors": {"a": {"umask": "9"}}})", "/cases/0/actors/a/umask"},
           {R"({"steps": {}})", "/cases/0/steps"},
           {R"({"steps": [1]})", "/cases/0/steps/0"},
           {R"({"steps": [{"expect": "ok"}]})", "/cases/0/steps/0"},
           {R"({"steps": [{"mkdir": "a", "copies_up": 1}]})", "/cases/0/steps/0/copies_up"},
           {R"({"steps": [{"parallel": 1}]})", "/cases/0/steps/0/parallel"},
           {R"({"steps": [{"parallel": [1]}]})", "/cases/0/steps/0/parallel/0"},
       }) {
    try {
      read(json.c_str());
      ADD_FAILURE() << json << " was accepted";
    } catch (const BadCase& e) {
      EXPECT_EQ(e.problems.at(0).pointer, pointer) << e.what();
    }
  }
}

TEST(Case, RefusesStepsNestedTooDeeply) {
  Json steps = Json::array();
  for (int i = 0; i < 20; ++i) steps = Json::array({Json{{"parallel", Json::array({steps})}}});
  EXPECT_THROW(case_from_json({{"id", "a"}, {"steps", steps}}, "g", ""), BadCase);
}

TEST(Options, ChangeAsARemountSays) {
  const Options before{{"redirect_dir", "on"}, {"volatile", ""}, {"xino", "auto"}};
  EXPECT_EQ(changed_options(
                before, Json::parse(R"({"redirect_dir": "off", "volatile": false, "n": 3, "b": true})"), ""),
            (Options{{"redirect_dir", "off"}, {"xino", "auto"}, {"n", "3"}, {"b", ""}}));
}

TEST(Version, Ranges) {
  EXPECT_TRUE(version_in_range("6.12.3-arch1", ">=5.11"));
  EXPECT_TRUE(version_in_range("5.11", ">=5.11"));
  EXPECT_FALSE(version_in_range("5.9.16", ">=5.11"));
  EXPECT_TRUE(version_in_range("6.7.9", ">=5.11 <6.8"));
  EXPECT_FALSE(version_in_range("6.8.0", ">=5.11 <6.8"));
  EXPECT_TRUE(version_in_range("6.8.3", "<=6.8"));
  EXPECT_FALSE(version_in_range("6.8.3", ">6.8"));
  EXPECT_TRUE(version_in_range("6.8.3", "==6.8"));
  EXPECT_TRUE(version_in_range("6.8.3", "!=6.8.2"));
  EXPECT_TRUE(version_in_range("6", ">=6.0"));
  EXPECT_TRUE(version_in_range("6.12.117+deb13", ">=6.12.117 <6.13 or >=6.18"));
  EXPECT_TRUE(version_in_range("7.0", ">=6.12.117 <6.13 or >=6.18"));
  EXPECT_FALSE(version_in_range("6.12.3", ">=6.12.117 <6.13 or >=6.18"));
  EXPECT_FALSE(version_in_range("6.13", ">=6.12.117 <6.13 or >=6.18"));
  EXPECT_TRUE(version_in_range("6.1", ""));
}

TEST(Version, UnknownIsTheNewest) {
  EXPECT_TRUE(version_in_range("", ">=5.11"));
  EXPECT_FALSE(version_in_range("", "<6.8"));
}

TEST(Version, RefusesWhatIsNoRange) {
  for (const char* range : {"5.11", "=5", ">=", ">= 5.11", "<x", "~5"})
    EXPECT_THROW(version_in_range("6.1", range), BadCase) << range;
}

}  // namespace
}  // namespace ovlcheck
