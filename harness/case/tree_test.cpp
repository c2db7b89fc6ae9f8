#include "harness/case/tree.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

Tree tree(const char* json) {
  return tree_from_json(Json::parse(json), "");
}

Content content(const char* json) {
  return tree_from_json(Json{{"f", {{"file", Json::parse(json)}}}}, "").children.at("f").content;
}

TEST(Tree, ReadsEveryKindOfNode) {
  const Tree t = tree(R"({"d/": {".": {"mode": "1755", "opaque": true}, "f": "hello"},
    "s": {"symlink": "d/f"}, "p": {"fifo": true}, "k": {"socket": true}, "c": {"char": [1, 3]},
    "b": {"block": [7, 0]}, "h": {"hardlink": "d/f"}, "w": {"whiteout": true}, "x": {"whiteout": "xattr"}})");
  EXPECT_EQ(t.children.at("d").type, NodeType::directory);
  EXPECT_EQ(t.children.at("d").mode, 01755u);
  EXPECT_EQ(t.children.at("d").marks.opaque, "y");
  EXPECT_TRUE(find_node(t, "d/f")->content.same_bytes(Content::of("hello")));
  EXPECT_EQ(t.children.at("s").target, "d/f");
  EXPECT_EQ(t.children.at("p").type, NodeType::fifo);
  EXPECT_EQ(t.children.at("k").type, NodeType::socket);
  EXPECT_EQ(t.children.at("c").minor, 3u);
  EXPECT_EQ(t.children.at("b").major, 7u);
  EXPECT_EQ(t.children.at("h").type, NodeType::hardlink);
  EXPECT_FALSE(t.children.at("w").marks.whiteout);
  EXPECT_EQ(t.children.at("x").marks.whiteout, "xattr");
}

TEST(Tree, ReadsAttributes) {
  const Tree t = tree(R"({"f": {"file": "", "mode": "4755", "uid": 7, "gid": 8, "mtime": [5, 6], "atime": -1,
    "xattrs": {"user.a": "\uf7ff", "user.b": true, "user.c": false}, "acl": "u::rw-", "redirect": "/d",
    "metacopy": true, "origin": true, "impure": false, "nlink": 2, "size": 9, "sparse": true}})");
  const Tree& f = t.children.at("f");
  EXPECT_EQ(f.mode, 04755u);
  EXPECT_EQ(f.uid, 7u);
  EXPECT_EQ(f.mtime, (Time{5, 6}));
  EXPECT_EQ(f.atime, (Time{-1, 0}));
  EXPECT_EQ(f.xattrs.at("user.a"), "\xff");
  EXPECT_EQ(f.xattrs_present, std::vector<std::string>{"user.b"});
  EXPECT_EQ(f.xattrs.at("user.c"), std::nullopt);
  EXPECT_EQ(f.marks.redirect, "/d");
  EXPECT_TRUE(f.marks.metacopy);
  EXPECT_EQ(f.marks.origin, true);
  EXPECT_EQ(f.marks.impure, false);
  EXPECT_EQ(f.nlink, 2u);
  EXPECT_EQ(f.sparse, true);
}

TEST(Tree, ReadsExpectations) {
  const Tree t = tree(R"({"a": true, "b": false, "c/": true, "...": true})");
  EXPECT_EQ(t.children.at("a").match, Match::anything);
  EXPECT_EQ(t.children.at("a").type, NodeType::file);
  EXPECT_EQ(t.children.at("b").match, Match::absent);
  EXPECT_EQ(t.children.at("c").type, NodeType::directory);
  EXPECT_TRUE(t.others_allowed);
  EXPECT_TRUE(tree(R"({"...": "a file of that name"})").children.contains("..."));
}

TEST(Tree, NamesAreBytes) {
  EXPECT_TRUE(tree(R"({"\uf7ff": ""})").children.contains("\xff"));
}

TEST(Tree, RoundTripsThroughJson) {
  for (
      const char* text : {
          R"({})",
          R"({"a": "x", "b/": {".": {"mode": "0700", "opaque": "x", "origin": true}, "c": ""}, "s": {"symlink": "t"}})",
          R"({"h": {"file": [{"data": "ab"}, {"hole": 4096}, {"fill": "x", "size": 100}], "mode": "0600"}})",
          R"({"d": {"file": [{"digest": "00", "size": 5000}]}})",
          R"({"c": {"char": [1, 3], "uid": 1, "gid": 2}, "w": {"whiteout": "char"}, "x": {"whiteout": true}})",
          R"({"f": {"file": "x", "mtime": [1, 2], "atime": 3, "xattrs": {"user.a": "\uf7ff", "user.b": false, "user.c": true}}})",
          R"({"f": {"file": "x", "acl": "u::rw-", "nlink": 1, "size": 1, "sparse": false, "ino": 3, "dev": 4, "trouble": "t"}})",
          R"({"a": true, "b": false, "c/": true, "d/": {".": {"default_acl": "u::rwx", "redirect": "/e", "impure": false}}, "...": true})",
          R"({"p": {"fifo": true}, "s": {"socket": true}, "h": {"hardlink": "p"}, "m": {"file": "", "metacopy": true}})",
      }) {
    const Json json = Json::parse(text);
    EXPECT_TRUE(same_json(json_from_tree(tree_from_json(json, "")), json))
        << text << "\n"
        << json_from_tree(tree_from_json(json, ""));
  }
}

struct Bad {
  const char* json;
  const char* pointer;
  const char* message;  // a part of it
};

TEST(Tree, RefusesNonsenseAndSaysWhere) {
  for (const Bad& bad : {
           Bad{"[]", "/lower", "must be an object"},
           Bad{R"({"d/": "x"})", "/lower/d~1", "its value must be a tree"},
           Bad{R"({"a": 1})", "/lower/a", "must be text"},
           Bad{R"({"a": null})", "/lower/a", "must be text"},
           Bad{R"({"": "x"})", "/lower/", "not the name"},
           Bad{R"({"/": {}})", "/lower/~1", "not the name"},
           Bad{R"({"..": "x"})", "/lower/..", "not the name"},
           Bad{R"({"./": {}})", "/lower/.~1", "not the name"},
           Bad{R"({"a/b": "x"})", "/lower/a~1b", "nested trees"},
           Bad{R"({"a\u0000b": "x"})", "/lower/a", "not the name"},
           Bad{R"({"a": "x", "a/": {}})", "/lower/a~1", "already a node"},
           Bad{R"({"a": {}})", "/lower/a", "says not what it is"},
           Bad{R"({"a": {"mode": "0644"}})", "/lower/a", "says not what it is"},
           Bad{R"({"a": {"file": "", "fifo": true}})", "/lower/a/fifo", "only one thing"},
           Bad{R"({"a": {"file": "", "mode": "0999"}})", "/lower/a/mode", "octal"},
           Bad{R"({"a": {"file": "", "mode": ""}})", "/lower/a/mode", "octal"},
           Bad{R"({"a": {"file": "", "mode": 420}})", "/lower/a/mode", "text"},
           Bad{R"({"a": {"file": "", "uid": -1}})", "/lower/a/uid", "0 or more"},
           Bad{R"({"a": {"file": "", "uid": 4294967296}})", "/lower/a/uid", "too large"},
           Bad{R"({"a": {"file": "", "mtime": [1, 1000000000]}})", "/lower/a/mtime", "nanoseconds"},
           Bad{R"({"a": {"file": "", "colour": "red"}})", "/lower/a/colour", "unknown"},
           Bad{R"({"a": {"file": [{"hole": -1}]}})", "/lower/a/file/0/hole", "0 or more"},
           Bad{R"({"a": {"file": [{"fill": "xy", "size": 2}]}})", "/lower/a/file/0/fill", "one byte"},
           Bad{R"({"a": {"file": [{"data": "x", "hole": 2}]}})", "/lower/a/file/0", "only one"},
           Bad{R"({"a": {"file": [{"hole": 9223372036854775807}, {"hole": 1}]}})", "/lower/a/file/1",
               "larger"},
           Bad{R"({"a": {"fifo": false}})", "/lower/a/fifo", "only be true"},
           Bad{R"({"a": {"char": [1]}})", "/lower/a/char", "[major, minor]"},
           Bad{R"({"a": {"whiteout": "hash"}})", "/lower/a/whiteout", "xattr"},
           Bad{R"({"d/": {".": {"opaque": false}}})", "/lower/d~1/./opaque", "true"},
           Bad{R"({"d/": {".": true}})", "/lower/d~1/.", "attributes"},
       }) {
    try {
      tree_from_json(Json::parse(bad.json), "/lower");
      ADD_FAILURE() << bad.json << " was accepted";
    } catch (const BadCase& e) {
      ASSERT_EQ(e.problems.size(), 1u);
      EXPECT_EQ(e.problems[0].pointer.substr(0, e.problems[0].pointer.find(char{})), bad.pointer) << bad.json;
      EXPECT_NE(e.problems[0].message.find(bad.message), std::string::npos) << e.what();
    }
  }
}

TEST(Tree, RefusesTreesThatAreTooDeep) {
  Json json = Json::object();
  for (int i = 0; i < 1500; ++i) {
    Json outer = Json::object();
    outer["d/"] = std::move(json);
    json = std::move(outer);
  }
  EXPECT_THROW(tree_from_json(json, ""), BadCase);
}

TEST(Tree, FindsNodes) {
  Tree t = tree(R"({"d/": {"e/": {"f": "x"}}})");
  EXPECT_EQ(find_node(t, ""), &t);
  EXPECT_EQ(find_node(t, "."), &t);
  EXPECT_EQ(find_node(t, "d/e/f")->type, NodeType::file);
  EXPECT_EQ(find_node(t, "d/x"), nullptr);
  EXPECT_EQ(find_node(t, "d/e/f/g"), nullptr);
}

TEST(Content, EqualBytesAreEqualHoweverTheyArePieced) {
  const Content a = content(R"([{"data": "ab"}, {"hole": 3}, {"fill": "x", "size": 4}])");
  const Content b = Content::of(std::string("ab\0\0\0xxxx", 9));
  EXPECT_EQ(a.size(), 9u);
  EXPECT_TRUE(a.same_bytes(b));
  EXPECT_TRUE(b.same_bytes(a));
  EXPECT_EQ(a.digest(), b.digest());
  const Content c = content(
      R"([{"data": "ab"}, {"fill": "\u0000", "size": 3}, {"fill": "x", "size": 1}, {"data": "xxx"}])");
  EXPECT_TRUE(a.same_bytes(c));
  EXPECT_EQ(a.digest(), c.digest());
}

TEST(Content, DifferentBytesDiffer) {
  const Content a = content(R"([{"hole": 3}, {"data": "b"}])");
  for (const char* other :
       {R"("b")", R"([{"hole": 4}])", R"([{"hole": 3}, {"data": "c"}])", R"([{"fill": "x", "size": 4}])"}) {
    EXPECT_FALSE(a.same_bytes(content(other))) << other;
    EXPECT_NE(a.digest(), content(other).digest()) << other;
  }
}

TEST(Content, ADigestStandsForItsBytes) {
  const Content long_text = Content::of(std::string(5000, 'y'));
  const Content digest{{{.kind = Piece::Kind::digest, .bytes = long_text.digest(), .size = 5000}}};
  EXPECT_TRUE(digest.same_bytes(long_text));
  EXPECT_TRUE(long_text.same_bytes(digest));
  EXPECT_FALSE(digest.same_bytes(Content::of(std::string(5000, 'z'))));
}

TEST(Content, DigestIsFnv1a) {
  EXPECT_EQ(Content{}.digest(), "cbf29ce484222325");
  EXPECT_EQ(Content::of("a").digest(), "af63dc4c8601ec8c");
}

TEST(Content, HugeHolesCostNothing) {
  const Content huge = content(R"([{"hole": 4611686018427387904}, {"data": "x"}])");
  EXPECT_TRUE(huge.same_bytes(content(R"([{"hole": 1}, {"hole": 4611686018427387903}, {"data": "x"}])")));
  EXPECT_EQ(huge.digest().size(), 16u);
}

}  // namespace
}  // namespace ovlcheck
