#include "harness/judge/trees.h"

#include <gtest/gtest.h>

#include "harness/judge/judge.h"
#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

// The differences in words: "PATH WHAT: EXPECTED | OBSERVED".
std::vector<std::string> differences(const Json& expected, const Json& observed) {
  std::vector<std::string> words;
  for (const TreeDifference& d : compare_trees(tree_of(expected), tree_of(observed)))
    words.push_back(d.path + ' ' + d.what + ": " + d.expected + " | " + d.observed);
  return words;
}

using Words = std::vector<std::string>;

TEST(CompareTrees, EqualTreesDoNotDiffer) {
  const Json tree = {{"d/", {{".", {{"opaque", true}}}, {"f", "x"}}},
                     {"l", {{"symlink", "t"}}},
                     {"c", {{"char", {1, 3}}}},
                     {"p", {{"fifo", true}}},
                     {"s", {{"socket", true}}},
                     {"w", {{"whiteout", true}}}};
  EXPECT_EQ(differences(tree, tree), Words{});
}

TEST(CompareTrees, NamesAreExact) {
  EXPECT_EQ(
      differences({{"a", "x"}, {"d/", Json::object()}},
                  {{"b", {{"symlink", "t"}}}, {"d/", {{"w", {{"whiteout", true}}}}}}),
      (Words{"a missing: file \"x\" | ", "b unexpected:  | symlink -> t", "d/w unexpected:  | whiteout"}));
}

TEST(CompareTrees, NamesAreToldAsText) {
  EXPECT_EQ(differences({{"\uf7ff", "x"}}, Json::object()), Words{"\uf7ff missing: file \"x\" | "});
}

TEST(CompareTrees, TypesContentsAndTargetsAreExact) {
  EXPECT_EQ(
      differences({{"a", "x"}, {"b", "x"}, {"c", {{"char", {1, 3}}}}, {"d", {{"symlink", "t"}}}},
                  {{"a/", Json::object()}, {"b", "y"}, {"c", {{"char", {1, 5}}}}, {"d", {{"symlink", "u"}}}}),
      (Words{"a type: file \"x\" | dir", "b content: \"x\" | \"y\"", "c device: 1:3 | 1:5",
             "d target: t | u"}));
}

TEST(CompareTrees, LongContentIsComparedByBytesAndToldShort) {
  const Json pieces = {{"f", {{"file", {{{"fill", "x"}, {"size", 9000}}}}}}};
  const Content content = tree_of(pieces).children.at("f").content;
  const Json digest = {{"f", {{"file", {{{"digest", content.digest()}, {"size", 9000}}}}}}};
  EXPECT_EQ(differences(pieces, digest), Words{});
  const Words words = differences({{"f", {{"file", {{{"fill", "y"}, {"size", 9000}}}}}}}, digest);
  ASSERT_EQ(words.size(), 1u);
  EXPECT_LT(words[0].size(), 200u);
  EXPECT_NE(words[0].find("9000 bytes"), std::string::npos);
}

TEST(CompareTrees, MarksAreExact) {
  EXPECT_EQ(differences({{"d/", Json::object()}, {"e/", {{".", {{"opaque", true}}}}}},
                        {{"d/", {{".", {{"opaque", true}, {"redirect", "/x"}}}}},
                         {"e/", {{".", {{"opaque", "x"}}}}}}),
            (Words{"d opaque: no | yes", "d redirect: none | /x", "e opaque: yes | x"}));
  EXPECT_EQ(differences({{"f", ""}}, {{"f", {{"file", ""}, {"metacopy", true}}}}),
            Words{"f metacopy: no | yes"});
  EXPECT_EQ(differences({{"f", {{"file", ""}, {"metacopy", true}}}}, {{"f", ""}}),
            Words{"f metacopy: yes | no"});
}

TEST(CompareTrees, AMetacopyHasNoContent) {
  EXPECT_EQ(differences({{"f", {{"file", ""}, {"metacopy", true}}}},
                        {{"f", {{"file", {{{"hole", 5}}}}, {"metacopy", true}}}}),
            Words{});
}

TEST(CompareTrees, OriginAndImpureOnlyWhereMentioned) {
  const Json observed = {{"d/", {{".", {{"origin", true}, {"impure", true}}}}}};
  EXPECT_EQ(differences({{"d/", Json::object()}}, observed), Words{});
  EXPECT_EQ(differences({{"d/", {{".", {{"origin", false}, {"impure", false}}}}}}, observed),
            (Words{"d origin: no | yes", "d impure: no | yes"}));
  EXPECT_EQ(differences({{"d/", {{".", {{"origin", true}}}}}}, {{"d/", Json::object()}}),
            Words{"d origin: yes | no"});
}

TEST(CompareTrees, WhiteoutFormatOnlyWhereMentioned) {
  const Json observed = {{"w", {{"whiteout", "char"}}}};
  EXPECT_EQ(differences({{"w", {{"whiteout", true}}}}, observed), Words{});
  EXPECT_EQ(differences({{"w", {{"whiteout", "xattr"}}}}, observed), Words{"w whiteout: xattr | char"});
}

TEST(CompareTrees, AttributesOnlyWhereMentioned) {
  const Json observed = {{"f",
                          {{"file", "x"},
                           {"mode", "0644"},
                           {"uid", 1},
                           {"gid", 2},
                           {"mtime", 3},
                           {"atime", 4},
                           {"nlink", 1},
                           {"size", 1},
                           {"sparse", false},
                           {"xattrs", {{"user.a", "1"}}}}}};
  EXPECT_EQ(differences({{"f", "x"}}, observed), Words{});
  EXPECT_EQ(differences({{"f",
                          {{"file", "x"},
                           {"mode", "04755"},
                           {"uid", 0},
                           {"gid", 0},
                           {"mtime", {3, 5}},
                           {"atime", 5},
                           {"nlink", 2},
                           {"size", 2},
                           {"sparse", true},
                           {"acl", "u::rw-"},
                           {"default_acl", "u::rw-"}}}},
                        observed),
            (Words{"f mode: 4755 | 0644", "f uid: 0 | 1", "f gid: 0 | 2", "f mtime: 3.000000005 | 3",
                   "f atime: 5 | 4", "f nlink: 2 | 1", "f size: 2 | 1", "f sparse: yes | no",
                   "f acl: u::rw- | none", "f default_acl: u::rw- | none"}));
}

TEST(CompareTrees, XattrsByValuePresenceAndAbsence) {
  const Json observed = {{"f", {{"file", ""}, {"xattrs", {{"user.a", "1"}, {"user.b", "2"}}}}}};
  auto expecting = [](const Json& xattrs) { return Json{{"f", {{"file", ""}, {"xattrs", xattrs}}}}; };
  EXPECT_EQ(differences(expecting({{"user.a", "1"}, {"user.b", true}, {"user.c", false}}), observed),
            Words{});
  EXPECT_EQ(differences(expecting({{"user.a", "2"}, {"user.b", false}, {"user.c", true}, {"user.d", "1"}}),
                        observed),
            (Words{"f xattr user.a: \"2\" | \"1\"", "f xattr user.b: absent | \"2\"",
                   "f xattr user.d: \"1\" | absent", "f xattr user.c: present | absent"}));
}

TEST(CompareTrees, AnythingAbsentAndOthers) {
  const Json observed = {{"a/", {{"x", "1"}}}, {"b", "2"}};
  EXPECT_EQ(differences({{"a", true}, {"b", true}, {"c", false}}, observed), Words{});
  EXPECT_EQ(differences({{"a/", true}, {"...", true}}, observed), Words{});
  EXPECT_EQ(differences({{"a/", {{"...", true}}}, {"b", false}, {"c", true}}, observed),
            (Words{"b unexpected:  | file \"2\"", "c missing: anything | "}));
  EXPECT_EQ(differences({{"a/", {{"...", true}, {"x", false}}}, {"b", true}}, observed),
            Words{"a/x unexpected:  | file \"1\""});
}

TEST(CompareTrees, HardLinksAreTheSameInode) {
  const Json expected = {{"a", "x"}, {"b", {{"hardlink", "a"}}}};
  auto observed = [](int ino_of_b) {
    return Json{{"a", {{"file", "x"}, {"ino", 5}, {"dev", 1}}},
                {"b", {{"file", "x"}, {"ino", ino_of_b}, {"dev", 1}}}};
  };
  EXPECT_EQ(differences(expected, observed(5)), Words{});
  EXPECT_EQ(differences(expected, observed(6)), Words{"b hardlink: the same file as a | another file \"x\""});
  EXPECT_EQ(differences(expected, {{"b", "x"}}),
            (Words{"a missing: file \"x\" | ", "b hardlink: the same file as a | another file \"x\""}));
}

TEST(CompareTrees, TroubleIsADifferenceUnlessAnythingWillDo) {
  const Json observed = {{"f", {{"file", "x"}, {"trouble", "read fails with EIO"}}}};
  EXPECT_EQ(differences({{"f", "x"}}, observed), Words{"f trouble: file \"x\" | read fails with EIO"});
  EXPECT_EQ(differences({{"f", true}}, observed), Words{});
}

TEST(CompareTrees, TheRootIsADot) {
  EXPECT_EQ(differences({{".", {{"mode", "0700"}}}}, {{".", {{"mode", "0755"}}}}),
            Words{". mode: 0700 | 0755"});
}

}  // namespace
}  // namespace ovlcheck
