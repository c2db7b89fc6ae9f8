#include "harness/ops/layers.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include "harness/ops/test_place.h"

namespace ovlcheck {
namespace {

Tree tree(const char* json) {
  return tree_from_json(Json::parse(json), "");
}

void build(const Scratch& scratch, const char* json) {
  std::string where;
  const auto built = build_tree(scratch.dir(), tree(json), &where);
  ASSERT_TRUE(built) << where << ": " << built.error();
}

const Tree& at(const Tree& root, const char* path) {
  static const Tree kNothing;
  const Tree* node = find_node(root, path);
  EXPECT_NE(node, nullptr) << path;
  return node != nullptr ? *node : kNothing;
}

TEST(Layers, WhatIsBuiltIsSeen) {
  const Scratch scratch;
  build(scratch, R"({"d/": {".": {"mode": "01750", "mtime": [5, 6]}, "f": "hello", "empty": "",
                            "l": {"symlink": "../nowhere", "mtime": 7}, "p": {"fifo": true, "mode": "0600"},
                            "s": {"socket": true}},
                     "\uf7ff": {"file": "x", "mode": "0400", "atime": [1, 2], "mtime": [3, 4]}})");
  const Tree seen = snapshot(scratch.dir());
  EXPECT_EQ(seen.children.size(), 2U);
  EXPECT_EQ(seen.mtime, (Time{1000000000, 0}));
  EXPECT_EQ(seen.mode, 0755U);
  EXPECT_EQ(at(seen, "d").mode, 01750U);
  EXPECT_EQ(at(seen, "d").mtime, (Time{5, 6}));
  EXPECT_TRUE(at(seen, "d/f").content.same_bytes(Content::of("hello")));
  EXPECT_EQ(at(seen, "d/f").mode, 0644U);
  EXPECT_EQ(at(seen, "d/f").size, 5U);
  EXPECT_EQ(at(seen, "d/empty").content.size(), 0U);
  EXPECT_EQ(at(seen, "d/l").target, "../nowhere");
  EXPECT_EQ(at(seen, "d/l").mtime, (Time{7, 0}));
  EXPECT_EQ(at(seen, "d/p").type, NodeType::fifo);
  EXPECT_EQ(at(seen, "d/p").mode, 0600U);
  EXPECT_EQ(at(seen, "d/s").type, NodeType::socket);
  EXPECT_EQ(at(seen, "\xff").mode, 0400U);
  EXPECT_EQ(at(seen, "\xff").atime, (Time{1, 2}));
  EXPECT_EQ(at(seen, "\xff").mtime, (Time{3, 4}));
}

TEST(Layers, HardLinksAreOneFileAndLeaveDirectoryTimesAlone) {
  const Scratch scratch;
  build(scratch, R"({"a/": {".": {"mtime": 9}, "to": {"hardlink": "z/f"}}, "z/": {"f": "x"}})");
  const Tree seen = snapshot(scratch.dir());
  EXPECT_EQ(at(seen, "a/to").ino, at(seen, "z/f").ino);
  EXPECT_EQ(at(seen, "z/f").nlink, 2U);
  EXPECT_EQ(at(seen, "a").mtime, (Time{9, 0}));
  EXPECT_EQ(at(seen, "z").mtime, (Time{1000000000, 0}));
}

TEST(Layers, HolesStayUnwrittenAndLongContentsAreDigests) {
  const Scratch scratch;
  const char* json =
      R"({"f": {"file": [{"data": "ab"}, {"hole": 3000000}, {"fill": "x", "size": 70000}, {"hole": 9}]}})";
  build(scratch, json);
  const Tree seen = snapshot(scratch.dir());
  EXPECT_EQ(at(seen, "f").size, 3070011U);
  EXPECT_EQ(at(seen, "f").sparse, true);
  EXPECT_TRUE(at(seen, "f").content.same_bytes(at(tree(json), "f").content));
  EXPECT_EQ(at(seen, "f").trouble, "");
}

TEST(Layers, LengthsAroundWhatIsKept) {
  for (const unsigned size : {4095, 4096, 4097, 262144, 262145, 1048576}) {
    const Scratch scratch;
    const Json json = {{"f", {{"file", {{{"fill", "q"}, {"size", size}}}}}}};
    ASSERT_TRUE(build_tree(scratch.dir(), tree_from_json(json, "")));
    const Tree seen = snapshot(scratch.dir());
    EXPECT_TRUE(at(seen, "f").content.same_bytes(Content::of(std::string(size, 'q')))) << size;
    EXPECT_EQ(at(seen, "f").trouble, "");
  }
}

TEST(Layers, AttributesOfEveryKindOfNode) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const Scratch scratch;
  build(scratch, R"({"d/": {".": {"uid": 1, "gid": 2, "default_acl": "u::rwx,g::r-x,o::---"}},
                     "f": {"file": "x", "uid": 3, "gid": 4, "mode": "06755", "xattrs": {"user.a": "b\u0000c"},
                           "acl": "u::rwx,u:1000:r--,g::r-x,m::r-x,o::r-x"},
                     "l": {"symlink": "t", "uid": 5, "xattrs": {"trusted.t": "1"}},
                     "c": {"char": [1, 3], "mode": "0666"}, "b": {"block": [7, 200]},
                     "p": {"fifo": true, "gid": 6, "xattrs": {"trusted.t": "2"}}})");
  const Tree seen = snapshot(scratch.dir());
  EXPECT_EQ(at(seen, "d").uid, 1U);
  EXPECT_EQ(at(seen, "d").gid, 2U);
  EXPECT_EQ(at(seen, "d").default_acl, "u::rwx,g::r-x,o::---");
  EXPECT_EQ(at(seen, "d").acl, std::nullopt);
  EXPECT_EQ(at(seen, "f").uid, 3U);
  EXPECT_EQ(at(seen, "f").gid, 4U);
  EXPECT_EQ(at(seen, "f").mode, 06755U);
  EXPECT_EQ(at(seen, "f").acl, "u::rwx,u:1000:r--,g::r-x,m::r-x,o::r-x");
  EXPECT_EQ(at(seen, "f").xattrs.at("user.a"), std::string("b\0c", 3));
  EXPECT_EQ(at(seen, "f").xattrs.size(), 1U);
  EXPECT_EQ(at(seen, "l").uid, 5U);
  EXPECT_EQ(at(seen, "l").xattrs.at("trusted.t"), "1");
  EXPECT_EQ(at(seen, "c").minor, 3U);
  EXPECT_EQ(at(seen, "c").mode, 0666U);
  EXPECT_EQ(at(seen, "b").major, 7U);
  EXPECT_EQ(at(seen, "p").gid, 6U);
  EXPECT_EQ(at(seen, "p").xattrs.at("trusted.t"), "2");
}

TEST(Layers, BuildingAgainAddsAndReplaces) {
  const Scratch scratch;
  build(scratch, R"({"d/": {".": {"mode": "0711", "mtime": 4}, "old": "1", "same": "1"}})");
  build(scratch, R"({"d/": {"new": "2", "same": {"symlink": "2"}}})");
  const Tree seen = snapshot(scratch.dir());
  EXPECT_EQ(at(seen, "d").children.size(), 3U);
  EXPECT_EQ(at(seen, "d").mode, 0711U);
  EXPECT_EQ(at(seen, "d/same").type, NodeType::symlink);
}

TEST(Layers, NoNameLeadsOutOfTheDirectory) {
  const Scratch outside;
  const Scratch scratch;
  ASSERT_EQ(::symlinkat(outside.path().c_str(), scratch.dir(), "d"), 0);
  std::string where;
  EXPECT_FALSE(build_tree(scratch.dir(), tree(R"({"d/": {"f": "x"}})"), &where));
  EXPECT_EQ(where, "d");
  EXPECT_FALSE(build_tree(scratch.dir(), tree(R"({"l": {"hardlink": "d/f"}})")));
  EXPECT_TRUE(snapshot(outside.dir()).children.empty());
  Tree bad;
  bad.children[".."] = Tree{};
  EXPECT_EQ(build_tree(scratch.dir(), bad).error(), EINVAL);
  EXPECT_TRUE(remove_below(scratch.dir()));
  EXPECT_EQ(::access(outside.path().c_str(), F_OK), 0);
}

TEST(Layers, SnapshotLeavesTheCurrentDirectoryAndAccessTimesAlone) {
  const Scratch scratch;
  build(scratch, R"({"d/": {"f": "x"}})");
  char before[PATH_MAX], after[PATH_MAX];
  ASSERT_NE(::getcwd(before, sizeof before), nullptr);
  (void)snapshot(scratch.dir());
  const Tree again = snapshot(scratch.dir());
  (void)fingerprint(scratch.dir(), Notice::everything);
  ASSERT_NE(::getcwd(after, sizeof after), nullptr);
  EXPECT_STREQ(before, after);
  EXPECT_EQ(at(again, "d/f").atime, (Time{1000000000, 0}));
  EXPECT_EQ(at(again, "d").atime, (Time{1000000000, 0}));
}

TEST(Layers, RemovesWhatResists) {
  const Scratch scratch;
  build(scratch,
        R"({"d/": {".": {"mode": "0000"}, "e/": {"f": {"file": "x", "mode": "0000"}}}, "g/": {"h": "y"}})");
  EXPECT_TRUE(remove_below(scratch.dir()));
  EXPECT_TRUE(snapshot(scratch.dir()).children.empty());
}

class Fingerprint : public ::testing::Test {
 protected:
  void SetUp() override {
    build(scratch_, R"({"d/": {"f": "hello", "l": {"symlink": "t"}, "e/": {}}, "p": {"fifo": true}})");
    before_ = fingerprint(scratch_.dir(), Notice::everything);
  }
  bool changed() const { return fingerprint(scratch_.dir(), Notice::everything) != before_; }
  std::string path(const char* name) const { return scratch_.path() + "/" + name; }

  Scratch scratch_;
  uint64_t before_ = 0;
};

TEST_F(Fingerprint, IsTheSameAfterLooking) {
  EXPECT_FALSE(changed());
  (void)snapshot(scratch_.dir());
  EXPECT_FALSE(changed());
}

TEST_F(Fingerprint, NoticesContent) {
  const Fd fd(::open(path("d/f").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(fd.get(), "hellO", 5), 5);
  EXPECT_TRUE(changed());
}

TEST_F(Fingerprint, NoticesModes) {
  ASSERT_EQ(::chmod(path("d/e").c_str(), 0700), 0);
  EXPECT_TRUE(changed());
}

TEST_F(Fingerprint, NoticesAttributes) {
  if (::setxattr(path("d/f").c_str(), "user.x", "1", 1, 0) != 0) GTEST_SKIP() << "no user xattrs";
  const uint64_t one = fingerprint(scratch_.dir(), Notice::everything);
  EXPECT_NE(one, before_);
  ASSERT_EQ(::setxattr(path("d/f").c_str(), "user.x", "2", 1, 0), 0);
  EXPECT_NE(fingerprint(scratch_.dir(), Notice::everything), one);
}

TEST_F(Fingerprint, OfTheMeaningIgnoresWhatALookupMayWrite) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const uint64_t meaning = fingerprint(scratch_.dir(), Notice::meaning);
  ASSERT_EQ(::setxattr(path("d/e").c_str(), "trusted.overlay.origin", "x", 1, 0), 0);
  EXPECT_EQ(fingerprint(scratch_.dir(), Notice::meaning), meaning);
  EXPECT_TRUE(changed());
  ASSERT_EQ(::setxattr(path("d/e").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  EXPECT_NE(fingerprint(scratch_.dir(), Notice::meaning), meaning);
}

TEST_F(Fingerprint, NoticesNamesAndLinks) {
  ASSERT_EQ(::rename(path("d/f").c_str(), path("d/g").c_str()), 0);
  EXPECT_TRUE(changed());
  const uint64_t renamed = fingerprint(scratch_.dir(), Notice::everything);
  ASSERT_EQ(::link(path("d/g").c_str(), path("d/h").c_str()), 0);
  EXPECT_NE(fingerprint(scratch_.dir(), Notice::everything), renamed);
}

}  // namespace
}  // namespace ovlcheck
