#include "harness/generate/known.h"

#include <gtest/gtest.h>

#include <fstream>

#include "harness/case/problem.h"
#include "harness/case/test_folder.h"

namespace ovlcheck::generate {
namespace {

Known listed(const std::string& text) {
  const TestFolder folder;
  std::ofstream(std::filesystem::path(folder.path()) / "plain.json") << text;
  return Known(folder.path(), "plain:x=y");
}

TEST(Known, TellsWhy) {
  const Known known = listed(R"({"subject": "plain", "entries": [
    {"signatures": ["rename ok/EXDEV", "mkdir, *: merged nlink"], "reason": "No layers."}]})");
  EXPECT_EQ(known.reason("twins", "rename ok/EXDEV"), "No layers.");
  EXPECT_EQ(known.reason("twins", "mkdir, link: merged nlink"), "No layers.");
  EXPECT_EQ(known.reason("twins", "rename ok/EPERM"), "");
}

TEST(Known, TreesMayDifferOnlyInWhatIsListed) {
  const Known known = listed(R"({"subject": "plain", "entries": [
    {"signatures": ["* merged acl"], "reason": "No ACLs."}, {"signatures": ["* merged nlink"], "reason": "Copies."}]})");
  EXPECT_EQ(known.reason("twins", "link merged acl, nlink"), "No ACLs.");
  EXPECT_EQ(known.reason("twins", "mkdir, link: merged nlink"), "Copies.");
  EXPECT_EQ(known.reason("twins", "link merged acl, mode, nlink"), "");
  EXPECT_EQ(known.reason("twins", "link upper acl"), "");
}

TEST(Known, MayBeOfSomeScenariosOnly) {
  const Known known = listed(R"({"subject": "plain", "entries": [
    {"signatures": ["rename merged nlink"], "scenarios": ["twin*"], "reason": "One file."}]})");
  EXPECT_EQ(known.reason("twins", "rename merged nlink"), "One file.");
  EXPECT_EQ(known.reason("lower-file+absent", "rename merged nlink"), "");
}

TEST(Known, NothingIsListedOfOthers) {
  const TestFolder folder;
  EXPECT_EQ(Known(folder.path(), "kernel").reason("twins", "rename ok/EXDEV"), "");
  EXPECT_EQ(Known().reason("twins", "rename ok/EXDEV"), "");
}

TEST(Known, SaysWhereAFileIsWrong) {
  for (const auto& [text, place] : {std::pair("{\"subject\": \"plain\",\n\"entries\": [{\"reason\": \"r\"}]}",
                                              "plain.json:2: /entries/0"),
                                    {"{\"subject\": \"plain\",\n", "plain.json:"},
                                    {"{\"subject\": \"plain\", \"entries\": [],\n\"x\": 1}", "\"x\""}})
    try {
      (void)listed(text);
      FAIL() << text;
    } catch (const BadCase& bad) {
      EXPECT_NE(std::string(bad.what()).find(place), std::string::npos) << bad.what();
    }
}

}  // namespace
}  // namespace ovlcheck::generate
