#include "adapters/fuse/dialects.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

Tree tree(const std::string& json) {
  return tree_from_json(Json::parse(json), "");
}

std::string text(const Tree& tree) {
  return json_from_tree(tree).dump();
}

std::string encoded(const Dialect& dialect, const std::string& meaning) {
  return text(dialect.encode(tree(meaning)));
}

std::string decoded(const Dialect& dialect, const std::string& raw) {
  return text(dialect.decode(tree(raw)));
}

// The same text for the same tree, whatever the order of members.
std::string same(const std::string& json) {
  return text(tree(json));
}

void expect_refused(const Dialect& dialect, const std::string& meaning, const std::string& message) {
  try {
    const Tree raw = dialect.encode(tree(meaning));
    ADD_FAILURE() << meaning << " became " << text(raw);
  } catch (const BadCase& bad) {
    EXPECT_EQ(std::string(bad.what()), message) << meaning;
  }
}

constexpr const char* kMeaning = R"({
  "f": {"whiteout": true}, "g": "text",
  "d/": {"gone": {"whiteout": true}, "kept": "k"},
  "o/": {".": {"opaque": true, "mode": "0700"}, "in": "side"}})";

TEST(FuseOverlayfsDialect, WritesCharWhiteoutsAndOpaqueFiles) {
  EXPECT_EQ(encoded(*fuse_overlayfs_dialect(), kMeaning), same(R"({
    "f": {"char": [0, 0]}, "g": "text",
    "d/": {"gone": {"char": [0, 0]}, "kept": "k"},
    "o/": {".": {"mode": "0700"}, ".wh..wh..opq": "", "in": "side"}})"));
}

TEST(FuseOverlayfsDialect, ReadsWhatTheProgramLeaves) {
  for (const std::string xattr :
       {"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque", "user.other"}) {
    const bool known = xattr != "user.other";
    EXPECT_EQ(decoded(*fuse_overlayfs_dialect(),
                      R"({"d/": {".": {"xattrs": {")" + xattr + R"(": "y"}}, "f": "x"}})"),
              known ? same(R"({"d/": {".": {"opaque": true}, "f": "x"}})")
                    : same(R"({"d/": {".": {"xattrs": {"user.other": "y"}}, "f": "x"}})"))
        << xattr;
  }
  EXPECT_EQ(decoded(*fuse_overlayfs_dialect(), R"({
              "f": {"char": [0, 0]}, ".wh.g": "", "null": {"char": [1, 3]},
              "d/": {".wh..wh..opq": "", ".wh..opq": {"char": [0, 0]}, "x": "y"}})"),
            same(R"({"f": {"whiteout": true}, "g": {"whiteout": true}, "null": {"char": [1, 3]},
                     "d/": {".": {"opaque": true}, "x": "y"}})"));
}

TEST(FuseOverlayfsDialect, ForgetsItsOwnXattrsButTheOrigin) {
  const Tree meaning = fuse_overlayfs_dialect()->decode(
      tree(R"({"f": {"file": "x", "xattrs": {"user.fuseoverlayfs.origin": "l/f", "user.overlay.uuid": "u",
                                             "user.mine": "v"}}})"));
  const Tree& file = meaning.children.at("f");
  EXPECT_EQ(file.marks.origin, true);
  EXPECT_EQ(file.xattrs.size(), 1U);
  EXPECT_TRUE(file.xattrs.contains("user.mine"));
}

TEST(AufsDialect, WritesAndReadsWhFiles) {
  const std::string raw = same(R"({
    ".wh.f": "", "g": "text", "d/": {".wh.gone": "", "kept": "k"},
    "o/": {".": {"mode": "0700"}, ".wh..wh..opq": "", "in": "side"}})");
  EXPECT_EQ(encoded(*aufs_dialect(), kMeaning), raw);
  EXPECT_EQ(decoded(*aufs_dialect(), raw), same(kMeaning));
}

TEST(AufsDialect, LeavesOutItsOwnEntries) {
  EXPECT_EQ(decoded(*aufs_dialect(), R"({".wh..wh.aufs": "", ".wh..wh.plnk/": {}, ".wh..wh.orph/": {"x": "y"},
                                         "c": {"char": [0, 0]}})"),
            same(R"({"c": {"char": [0, 0]}})"));
}

TEST(AufsDialect, ShowsANameThatIsThereBesideItsWhiteout) {
  EXPECT_EQ(decoded(*aufs_dialect(), R"({".wh.f": "", "f": "new", "a": "old", ".wh.a": ""})"),
            same(R"({"a": "old", "f": "new"})"));
}

TEST(UnionfsFuseDialect, KeepsMarksInASecondTree) {
  const std::string raw = R"({
    "g": "text", "d/": {"kept": "k"}, "o/": {".": {"mode": "0700"}, "in": "side"},
    ".unionfs-fuse/": {"f_HIDDEN~": "", "d/": {"gone_HIDDEN~": ""}, "o_HIDDEN~/": {}}})";
  EXPECT_EQ(encoded(*unionfs_fuse_dialect(), kMeaning), same(raw));
  EXPECT_EQ(decoded(*unionfs_fuse_dialect(), raw), same(kMeaning));
  EXPECT_EQ(encoded(*unionfs_fuse_dialect(), R"({"d/": {"f": "x"}})"), same(R"({"d/": {"f": "x"}})"));
}

TEST(UnionfsFuseDialect, ReadsTheOlderName) {
  EXPECT_EQ(
      decoded(*unionfs_fuse_dialect(), R"({".unionfs/": {"f_HIDDEN~": "", "d_HIDDEN~/": {}}, "d/": {}})"),
      same(R"({"d/": {".": {"opaque": true}}, "f": {"whiteout": true}})"));
}

TEST(UnionfsFuseDialect, LeavesOutMarksThatHideNothing) {
  // What it leaves after: rm -r od; mkdir od; rm f; echo > f.
  EXPECT_EQ(decoded(*unionfs_fuse_dialect(), R"({
              "od/": {"new": "n"}, "f": "again",
              ".unionfs-fuse/": {"od/": {"k_HIDDEN~": ""}, "od_HIDDEN~/": {}, "f_HIDDEN~": "",
                                 "gone/": {"x_HIDDEN~": ""}}})"),
            same(R"({"od/": {".": {"opaque": true}, "new": "n"}, "f": "again"})"));
}

TEST(ForeignDialects, LeaveOutMarksBelowAnOpaqueDirectory) {
  EXPECT_EQ(decoded(*fuse_overlayfs_dialect(), R"({"d/": {".wh..wh..opq": "", "w": {"char": [0, 0]}, "sub/": {
              ".wh..wh..opq": "", "w": {"char": [0, 0]}, "f": "x"}}})"),
            same(R"({"d/": {".": {"opaque": true}, "sub/": {"f": "x"}}})"));
}

TEST(ForeignDialects, RefuseWhatTheyCannotSay) {
  const auto fuse_overlayfs = fuse_overlayfs_dialect(), aufs = aufs_dialect(),
             unionfs = unionfs_fuse_dialect();
  expect_refused(*fuse_overlayfs, R"({"d/": {"e/": {".": {"redirect": "/x"}}}})",
                 "fuse-overlayfs has no redirects (/d/e)");
  expect_refused(*aufs, R"({"f": {"file": "", "metacopy": true}})", "aufs has no metacopy files (/f)");
  expect_refused(*unionfs, R"({"f": {"file": "x", "origin": true}})",
                 "unionfs-fuse has no origin marks (/f)");
  expect_refused(*aufs, R"({"d/": {".": {"impure": true}}})", "aufs has no impure marks (/d)");
  expect_refused(*fuse_overlayfs, R"({"d/": {".": {"opaque": "x"}}})",
                 "fuse-overlayfs has no xattr whiteouts (/d)");
  expect_refused(*fuse_overlayfs, R"({"f": {"whiteout": "xattr"}})",
                 "fuse-overlayfs has no xattr whiteouts (/f)");
  expect_refused(*aufs, R"({"f": {"whiteout": "char"}})", "aufs has no char 0/0 whiteouts (/f)");
  expect_refused(*unionfs, R"({"d/": {"f": {"whiteout": "char"}}})",
                 "unionfs-fuse has no char 0/0 whiteouts (/d/f)");
  expect_refused(*aufs, R"({"d/": {".wh.f": "x"}})", "aufs has no names that begin with .wh. (/d/.wh.f)");
  expect_refused(*unionfs, R"({".": {"opaque": true}})", "unionfs-fuse has no opaque root (/)");
  expect_refused(*unionfs, R"({".unionfs-fuse/": {}})",
                 "unionfs-fuse has no such names of its own (/.unionfs-fuse)");
  EXPECT_EQ(encoded(*fuse_overlayfs, R"({"f": {"whiteout": "char"}})"), same(R"({"f": {"char": [0, 0]}})"));
}

TEST(Dialects, AreMadeByName) {
  for (const std::string& name : dialect_names())
    EXPECT_EQ(text(make_dialect(name, "user.overlay.")->encode(tree(R"({"f": "x"})"))), same(R"({"f": "x"})"))
        << name;
  EXPECT_EQ(
      text(make_dialect("overlayfs", "user.overlay.")->encode(tree(R"({"d/": {".": {"opaque": true}}})"))),
      same(R"({"d/": {".": {"xattrs": {"user.overlay.opaque": "y"}}}})"));
}

}  // namespace
}  // namespace ovlcheck
