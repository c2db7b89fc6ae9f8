#include "harness/crash/legal.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Tree tree(const std::string& json) {
  return tree_from_json(Json::parse(json), "");
}

History history(const std::vector<std::string>& states, std::vector<Safe> safe = {}, bool writes = false) {
  History all;
  for (const auto& state : states) all.states.push_back(tree(state));
  all.safe = std::move(safe);
  all.writes.assign(states.size() - 1, writes);
  return all;
}

std::string why(const History& history, size_t done, const std::string& found, bool amid = false) {
  return why_illegal(history, done, amid, tree(found)).value_or("legal");
}

const auto kEverything = Safe::What::everything;
const auto kFile = Safe::What::file;
const auto kEntries = Safe::What::entries;

TEST(Legal, IsOldOrNewWithoutSync) {
  const auto chmod =
      history({R"({"f": {"file": "hello", "mode": "0644"}})", R"({"f": {"file": "hello", "mode": "0600"}})"});
  EXPECT_EQ(why(chmod, 1, R"({"f": {"file": "hello", "mode": "0644"}})"), "legal");
  EXPECT_EQ(why(chmod, 1, R"({"f": {"file": "hello", "mode": "0600"}})"), "legal");
  EXPECT_EQ(why(chmod, 1, R"({"f": {"file": "hello", "mode": "0000"}})"), "f has a mode it never had");
  EXPECT_EQ(why(chmod, 1, R"({"f": {"file": "", "mode": "0600"}})"),
            "f holds \"\", which is neither old nor new");
  EXPECT_EQ(why(chmod, 1, "{}"), "f is gone");
  EXPECT_EQ(why(chmod, 0, R"({"f": {"file": "hello", "mode": "0600"}})"), "f has a mode it never had")
      << "the step was not there yet";
  EXPECT_EQ(why(chmod, 0, R"({"f": {"file": "hello", "mode": "0600"}})", true), "legal")
      << "it was under way";
}

TEST(Legal, IsAMixWhereAFileWasWritten) {
  const auto put = history({R"({"f": "hello"})", R"({"f": "HELLO, you"})"}, {}, true);
  EXPECT_EQ(why(put, 1, R"({"f": "HEllo"})"), "legal");
  EXPECT_EQ(why(put, 1, R"({"f": {"file": [{"data": "HELLO"}, {"hole": 5}]}})"), "legal");
  EXPECT_EQ(why(put, 1, R"({"f": "hell"})"), "f holds \"hell\", which is neither old nor new");
  EXPECT_EQ(why(put, 1, R"({"f": {"file": [{"hole": 5}]}})").substr(0, 7), "f holds")
      << "zeroes were never in it";
}

TEST(Legal, IsWholeWhereAFileWasReplaced) {
  const auto rename = history({R"({"f": "old", "t": "new"})", R"({"f": "new"})"});
  EXPECT_EQ(why(rename, 1, R"({"f": "old", "t": "new"})"), "legal");
  EXPECT_EQ(why(rename, 1, R"({"f": "new"})"), "legal");
  EXPECT_EQ(why(rename, 1, R"({"f": "new", "t": "new"})"), "step 1 is half done: t is old, f is new");
  EXPECT_EQ(why(rename, 1, R"({"f": "oew"})"), "f holds \"oew\", which is neither old nor new");
  EXPECT_EQ(why(rename, 1, R"({"f": ""})"), "f holds \"\", which is neither old nor new");
}

TEST(Legal, IsInPartWhereAFileWasMade) {
  const auto put = history({"{}", R"({"f": "hello"})"}, {}, true);
  for (const char* found : {"{}", R"({"f": ""})", R"({"f": "hel"})", R"({"f": {"file": [{"hole": 5}]}})"})
    EXPECT_EQ(why(put, 1, found), "legal") << found;
  EXPECT_EQ(why(put, 1, R"({"f": "hex"})"), "f holds \"hex\", which is neither old nor new");
}

TEST(Legal, IsNewAfterSync) {
  const std::vector<std::string> states = {R"({"f": "a"})", R"({"f": "b", "g": "x"})",
                                           R"({"f": "b", "g": "x"})"};
  EXPECT_EQ(why(history(states, {{2, kEverything, ""}}), 2, R"({"f": "a", "g": "x"})"),
            "f holds \"a\", which is neither old nor new");
  EXPECT_EQ(why(history(states, {{2, kEverything, ""}}), 1, R"({"f": "a"})"), "legal") << "not synced yet";
  EXPECT_EQ(why(history(states, {{2, kFile, "g"}}), 2, R"({"f": "b"})"), "g is gone");
  EXPECT_EQ(why(history(states, {{2, kEntries, ""}}), 2, R"({"f": "a"})"), "g is gone");
  EXPECT_EQ(why(history(states, {{2, kEntries, ""}}), 2, R"({"f": "a", "g": "x"})"),
            "step 1 is half done: f is old, g is new");
}

TEST(Legal, IsAllOrNothingOfOneStep) {
  const auto rename = history({R"({"d/": {"f": "x"}})", R"({"e/": {"f": "x"}})"});
  EXPECT_EQ(why(rename, 1, R"({"d/": {"f": "x"}})"), "legal");
  EXPECT_EQ(why(rename, 1, R"({"e/": {"f": "x"}})"), "legal");
  EXPECT_EQ(why(rename, 1, R"({"e/": {}})"), "step 1 is half done: e/f is old, e is new");
  EXPECT_EQ(why(rename, 1, "{}"), "step 1 is half done: e/f is old, d/f is new");
}

TEST(Legal, NeverBringsBackWhatWasSafelyRemoved) {
  const auto again = history({R"({"d/": {"f": "x"}})", R"({"d/": {}})", "{}", "{}", R"({"d/": {}})"},
                             {{3, kEverything, ""}});
  EXPECT_EQ(why(again, 4, R"({"d/": {}})"), "legal");
  EXPECT_EQ(why(again, 4, R"({"d/": {"f": "x"}})"), "d/f is there again");
}

TEST(Legal, NamesTheStateThatIsFound) {
  const auto chmod = history({R"({"f": "a"})", R"({"f": "b"})", R"({"f": "b"})"});
  EXPECT_EQ(state_of(chmod, tree(R"({"f": "b"})")), 2u);
  EXPECT_EQ(state_of(chmod, tree(R"({"f": "a"})")), 0u);
  EXPECT_EQ(state_of(chmod, tree("{}")), std::nullopt);
}

}  // namespace
}  // namespace ovlcheck
