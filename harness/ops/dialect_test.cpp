#include "harness/ops/dialect.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

Tree tree(const char* json) {
  return tree_from_json(Json::parse(json), "");
}
std::string text(const Tree& tree) {
  return json_from_tree(tree).dump();
}

TEST(OverlayfsDialect, WritesMarksAsAttributes) {
  const auto dialect = overlayfs_dialect("user.overlay.");
  const Tree raw = dialect->encode(tree(
      R"({".": {"impure": true}, "w": {"whiteout": true}, "o/": {".": {"opaque": true}}, "r/": {".": {"redirect": "/q"}},
          "m": {"file": "", "metacopy": true}})"));
  EXPECT_EQ(text(raw), text(tree(R"({".": {"xattrs": {"user.overlay.impure": "y"}}, "w": {"char": [0, 0]},
          "o/": {".": {"xattrs": {"user.overlay.opaque": "y"}}},
          "r/": {".": {"xattrs": {"user.overlay.redirect": "/q"}}},
          "m": {"file": "", "xattrs": {"user.overlay.metacopy": ""}}})")));
}

TEST(OverlayfsDialect, AnXattrWhiteoutMarksItsDirectory) {
  const auto dialect = overlayfs_dialect("trusted.overlay.");
  const Tree raw = dialect->encode(tree(R"({"d/": {"w": {"whiteout": "xattr"}}})"));
  EXPECT_EQ(text(raw), text(tree(R"({"d/": {".": {"xattrs": {"trusted.overlay.opaque": "x"}},
                                     "w": {"file": "", "xattrs": {"trusted.overlay.whiteout": "y"}}}})")));
  EXPECT_EQ(text(dialect->decode(raw)),
            text(dialect->decode(
                dialect->encode(tree(R"({"d/": {".": {"opaque": "x"}, "w": {"whiteout": "xattr"}}})")))));
}

TEST(OverlayfsDialect, ReadsWhatItWrote) {
  const auto dialect = overlayfs_dialect("trusted.overlay.");
  const Tree seen = dialect->decode(dialect->encode(tree(
      R"({"d/": {".": {"opaque": true, "redirect": "x"}, "w": {"whiteout": true}, "x": {"whiteout": "xattr"}},
          "m": {"file": "", "metacopy": true}, "c": {"char": [1, 0]}})")));
  EXPECT_EQ(seen.children.at("d").marks.opaque, "y");
  EXPECT_EQ(seen.children.at("d").marks.redirect, "x");
  EXPECT_EQ(seen.children.at("d").children.at("w").type, NodeType::whiteout);
  EXPECT_EQ(seen.children.at("d").children.at("w").marks.whiteout, "char");
  EXPECT_EQ(seen.children.at("d").children.at("x").marks.whiteout, "xattr");
  EXPECT_TRUE(seen.children.at("d").children.at("x").xattrs.empty());
  EXPECT_TRUE(seen.children.at("m").marks.metacopy);
  EXPECT_EQ(seen.children.at("c").type, NodeType::character);
}

TEST(OverlayfsDialect, KeepsWhatIsNotItsOwn) {
  const auto dialect = overlayfs_dialect("user.overlay.");
  const Tree seen = dialect->decode(tree(
      R"({"f": {"file": "", "xattrs": {"trusted.overlay.opaque": "y", "user.a": "b", "user.overlay.origin": "h",
                                       "user.overlay.nlink": "U+1", "user.overlay.other": "1"}}})"));
  const Tree& file = seen.children.at("f");
  EXPECT_EQ(file.xattrs.size(), 3U);
  EXPECT_TRUE(file.xattrs.contains("user.overlay.other"));
  EXPECT_EQ(file.marks.origin, true);
}

TEST(OverlayfsDialect, RefusesAnOriginToBuild) {
  EXPECT_THROW((void)overlayfs_dialect("user.overlay.")->encode(tree(R"({"d/": {".": {"origin": true}}})")),
               BadCase);
}

TEST(PlainDialect, RefusesMarks) {
  const auto dialect = plain_dialect();
  EXPECT_EQ(text(dialect->encode(tree(R"({"d/": {"f": "x"}})"))), R"({"d/":{"f":"x"}})");
  for (const char* json :
       {R"({"w": {"whiteout": true}})", R"({"d/": {".": {"opaque": true}}})",
        R"({"d/": {"e/": {".": {"redirect": "x"}}}})", R"({"f": {"file": "", "metacopy": true}})"})
    EXPECT_THROW((void)dialect->encode(tree(json)), BadCase) << json;
}

// The merged view of upper and lowers.
std::string merged(const char* upper, std::initializer_list<const char*> lowers) {
  std::vector<Tree> below;
  for (const char* lower : lowers) below.push_back(tree(lower));
  if (upper == nullptr) return text(flatten(nullptr, below));
  const Tree top = tree(upper);
  return text(flatten(&top, below));
}

TEST(Flatten, UpperHidesLower) {
  EXPECT_EQ(merged(R"({"f": "new", "d/": {"b": "2"}})", {R"({"f": "old", "d/": {"a": "1"}, "g": "3"})"}),
            R"({"d/":{"a":"1","b":"2"},"f":"new","g":"3"})");
}

TEST(Flatten, WhiteoutsAndOpaqueDirectoriesHide) {
  EXPECT_EQ(merged(R"({"f": {"whiteout": true}, "d/": {".": {"opaque": true}}, "x": {"whiteout": true}})",
                   {R"({"f": "1", "d/": {"a": "1"}})"}),
            R"({"d/":{}})");
  EXPECT_EQ(merged(nullptr,
                   {R"({"d/": {"a": "1"}})", R"({"d/": {".": {"opaque": "x"}, "a": {"whiteout": "xattr"}}})",
                    R"({"d/": {"a": "3", "b": "3"}})"}),
            R"({"d/":{"a":"1","b":"3"}})");
}

TEST(Flatten, AFileInBetweenEndsTheDirectory) {
  EXPECT_EQ(merged(R"({"d/": {}})", {R"({"d": "file"})", R"({"d/": {"a": "1"}})"}), R"({"d/":{}})");
  EXPECT_EQ(merged(R"({"d/": {}})", {R"({"d": {"whiteout": true}})", R"({"d/": {"a": "1"}})"}),
            R"({"d/":{}})");
}

TEST(Flatten, RedirectsLeadToAnotherName) {
  EXPECT_EQ(merged(R"({"old": {"whiteout": true}, "new/": {".": {"redirect": "old"}, "b": "2"}})",
                   {R"({"old/": {"a": "1"}})"}),
            R"({"new/":{"a":"1","b":"2"}})");
  EXPECT_EQ(merged(R"({"p/": {"new/": {".": {"redirect": "/q/old"}}}, "q": {"whiteout": true}})",
                   {R"({"q/": {"old/": {"a": "1"}}})", R"({"q/": {"old/": {"c": "3"}}})"}),
            R"({"p/":{"new/":{"a":"1","c":"3"}}})");
  // A second redirect further down starts from where the first one led.
  EXPECT_EQ(
      merged(R"({"c/": {".": {"redirect": "/x/b"}}})",
             {R"({"x/": {"b/": {".": {"redirect": "a"}, "m": "1"}}})", R"({"x/": {"a/": {"n": "2"}}})"}),
      R"({"c/":{"m":"1","n":"2"},"x/":{"a/":{"n":"2"},"b/":{"m":"1","n":"2"}}})");
}

TEST(Flatten, MetacopyShowsTheDataBelow) {
  EXPECT_EQ(merged(R"({"f": {"file": "", "metacopy": true, "mode": "0600"}})", {R"({"f": "data"})"}),
            R"({"f":{"file":"data","mode":"0600"}})");
}

TEST(Flatten, HardLinksStayTogetherWhateverIsHidden) {
  EXPECT_EQ(merged(R"({"a": {"whiteout": true}})",
                   {R"({"a": "x", "b": {"hardlink": "a"}, "c": {"hardlink": "a"}})"}),
            R"({"b":"x","c":{"hardlink":"b"}})");
}

}  // namespace
}  // namespace ovlcheck
