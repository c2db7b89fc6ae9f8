#include "harness/case/print.h"

#include <gtest/gtest.h>

#include <sstream>

#include "harness/case/layout.h"
#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

std::string told_step(const std::string& step) {
  const Json json = {{"id", "a"}, {"steps", Json::array({Json::parse(step)})}};
  return describe(case_from_json(json, "g", "").steps[0]);
}

std::string told(const char* expect) {
  return describe_expectation(Json::parse(expect));
}

std::string told_tree(const char* tree) {
  return describe(tree_from_json(Json::parse(tree), ""));
}

TEST(DescribeStep, ReadsLikeACommand) {
  for (const auto& [step, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"rename": ["d", "e"]})", "rename d -> e"},
           {R"({"rename": ["d", "e"], "flags": "RENAME_EXCHANGE"})", "rename d -> e RENAME_EXCHANGE"},
           {R"({"symlink": ["target", "l"]})", "symlink l -> target"},
           {R"({"open": "d/f", "flags": "O_RDWR|O_CREAT", "mode": "0644", "as": "fd"})",
            "open d/f O_RDWR|O_CREAT mode 0644, as fd"},
           {R"({"write": "fd", "data": "a\nb", "offset": 5})", "write fd \"a\\nb\" offset 5"},
           {R"({"write": "fd", "fill": "x", "size": 100})", "write fd \"x\" size 100"},
           {R"({"mkdir": "a b", "actor": "alice", "at": "dir"})", "alice: mkdir \"a b\", from dir"},
           {R"({"setxattr": "f", "name": "user.a", "value": "\uf7ff"})", "setxattr f user.a = \"\\xff\""},
           {R"({"utimens": "f", "atime": "now", "mtime": [5, 6]})", "utimens f atime now mtime 5.000000006"},
           {R"({"mknod": "c", "type": "char", "dev": [1, 3]})", "mknod c char dev 1:3"},
           {R"({"copy_file_range": ["a", "b"], "size": 5, "offsets": [0, null]})",
            "copy_file_range a -> b size 5 offsets 0, null"},
           {R"({"setfacl": "f", "acl": null, "default": true})", "setfacl f no acl default"},
           {R"({"readdir": "", "rewind": true})", "readdir \"\" rewind"},
           {R"({"run": ["mv", "-T", "a b", "c"]})", "run mv -T \"a b\" c"},
           {R"({"execve": "p", "args": ["x", "y"]})", "execve p x y"},
           {R"({"remount": true})", "remount"},
           {R"({"remount": {"redirect_dir": "on", "volatile": true, "index": false}, "order": [1, 0]})",
            "remount with redirect_dir=on, volatile, no index lower layers in the order 1 0"},
           {R"({"umount": true})", "umount"},
           {R"({"overlay": "two", "lower": ["merged", {"f": "x"}], "mount": {"index": "on"}})",
            "mount the overlay two: an empty upper of its own over merged over a tree of its own, with "
            "index=on"},
           {R"({"overlay": "two", "lower": ["lower[0]"], "upper": "upper", "work": "work"})",
            "mount the overlay two: upper over lower[0], work in work"},
           {R"({"overlay": "two", "lower": ["a", "b"], "upper": null})",
            "mount the overlay two: no upper over a over b"},
           {R"({"inside": "two", "steps": []})", "in the overlay two"},
           {R"({"umount": "two"})", "umount two"},
           {R"({"offline": "upper", "steps": []})", "while unmounted, in upper"},
           {R"({"tree": "lower[0]", "expect": {}})", "look at lower[0]"},
           {R"({"volume": "d"})", "bind-mount a volume over d"},
           {R"({"parallel": [[]]})", "at the same time"},
           {R"({"barrier": "x"})", "barrier x"},
           {R"({"backing": "full", "free": 4096})", "the file system below becomes full but for 4096 bytes"},
           {R"({"backing": "read-only"})", "the file system below becomes read-only"},
           {R"({"backing": "normal"})", "the file system below is as it was again"},
       })
    EXPECT_EQ(told_step(step), words);
}

TEST(DescribeExpectation, ReadsLikeARequirement) {
  for (
      const auto& [expect, words] : std::vector<std::pair<const char*, std::string>>{
          {R"("ok")", "must succeed"},
          {R"("any")", "may succeed or fail"},
          {R"("EXDEV")", "must fail with EXDEV"},
          {R"({"data": "hello"})", "must read \"hello\""},
          {R"({"data": "hello", "count": 5})", "must give data \"hello\", count 5"},
          {R"({"entries": ["a", "b"]})", "must give entries [\"a\", \"b\"]"},
          {R"({"entries": {"a": "dir"}})", "must give entries {a: dir}"},
          {R"({"type": "file", "mode": "0644", "mtime": [5, 6]})",
           "must give type file, mode 0644, mtime 5.000000006"},
          {R"({"ino": {"same_as": "a.ino"}})", "must give ino the same as a.ino"},
          {R"({"size": {"at_least": 1, "at_most": 2}})", "must give size at least 1 and at most 2"},
          {R"({"type": {"one_of": ["file", "dir"]}})", "must give type \"file\" or \"dir\""},
          {R"({"names": {"contains": "x", "lacks": "y"}})", "must give names with \"x\" and without \"y\""},
          {R"(["ok", "EXDEV", "EPERM"])", "must succeed or fail with EXDEV or EPERM"},
          {R"({"if": {"options": {"redirect_dir": ["on", "follow"]}, "kernel": ">=5.11"}, "then": "ok", "else": "EXDEV"})",
           "must succeed if redirect_dir is on or follow and the kernel is >=5.11, else fail with EXDEV"},
          {R"({"if": {"privilege": "userns", "fs": "tmpfs", "samefs": true, "options": {"volatile": true}}, "then": "EIO"})",
           "must fail with EIO if run in a user namespace and the scratch file system is tmpfs and all "
           "layers are on one file "
           "system and volatile is set"},
          {R"({})", "must succeed"},
      })
    EXPECT_EQ(told(expect), words);
}

TEST(DescribeTree, HasALinePerNode) {
  EXPECT_EQ(
      told_tree(
          R"({".": {"mode": "0700"}, "d/": {".": {"opaque": true}, "f": {"file": "hello", "mode": "0644"}},
    "l": {"symlink": "d/f"}, "h": {"hardlink": "d/f"}, "w": {"whiteout": "xattr"}, "c": {"char": [1, 3], "uid": 7},
    "p": {"fifo": true, "mtime": 5}, "e": "", "z": {"file": [{"data": "ab"}, {"hole": 10}, {"fill": "x", "size": 3}]},
    "yes": true, "no": false, "...": true})"),
      "./  mode 0700\n"
      "c  char 1:3  uid 7\n"
      "d/  opaque\n"
      "  f  \"hello\"  mode 0644\n"
      "e  \"\"\n"
      "h  = d/f (hard link)\n"
      "l  -> d/f\n"
      "no  (must not exist)\n"
      "p  fifo  mtime 5\n"
      "w  whiteout (xattr)\n"
      "yes  (whatever it is)\n"
      "z  \"ab\" + hole of 10 + 3 x \"x\"\n"
      "... and maybe others\n");
}

TEST(DescribeTree, ShowsOddNamesAndAttributes) {
  EXPECT_EQ(
      told_tree(R"({"a b\n\uf7ff": {"file": "x", "xattrs": {"user.a": "1", "user.b": false, "user.c": true},
    "redirect": "/d", "metacopy": true, "origin": true, "impure": false, "nlink": 2, "size": 1, "sparse": true, "acl": "u::r--"}})"),
      "\"a b\\n\\xff\"  \"x\"  redirect /d  metacopy  origin  no impure  user.a=\"1\"\n"
      "    no user.b  user.c  acl u::r--  nlink 2  size 1  sparse\n");
}

constexpr const char* full =
    R"({"id": "lower-dir-is-exdev", "title": "Renaming a directory of a lower layer fails with EXDEV",
  "about": "Without redirects a renamed directory of a lower layer could not be found again, so the kernel refuses.",
  "clauses": ["RENAME-1", "RENAME-2"], "mount": {"redirect_dir": "off", "volatile": true},
  "requires": {"kernel": ">=5.11", "privilege": "root", "needs": ["uids", "fs:ext4"]},
  "actors": {"alice": {"uid": 1000, "gid": 1000, "groups": [5], "caps": ["CAP_FOWNER"], "umask": "0077"}},
  "lower": [{"d/": {"f": "hello"}}, {}], "upper": {}, "data": [{"big": "x"}],
  "steps": [{"rename": ["d", "e"], "expect": "EXDEV", "note": "as mv would try"},
            {"open": "d/f", "flags": "O_RDONLY", "as": "fd"},
            {"read": "fd", "expect": {"data": "hello"}},
            {"offline": "upper", "steps": [{"unlink": "g", "expect": "ENOENT"}]},
            {"offline": "lower[0]", "tree": {"z": "z"}},
            {"parallel": [[{"mkdir": "a"}, {"barrier": "x"}], [{"barrier": "x"}]]},
            {"tree": "merged", "expect": {"if": {"samefs": true}, "then": {"d/": true}, "else": {}}},
            {"stat": "d/f", "actor": "alice", "expect": {"if": {"privilege": "root"}, "then": "EACCES", "else": {"uid": 0, "gid": 0}}}],
  "after": {"merged": {"d/": {"f": "hello"}}, "upper": {}}})";

TEST(DescribeCase, ReadsAsAPersonWouldTellIt) {
  EXPECT_EQ(describe(case_from_json(Json::parse(full), "rename", "")),
            R"(rename/lower-dir-is-exdev
  Renaming a directory of a lower layer fails with EXDEV

  Without redirects a renamed directory of a lower layer could not be found
  again, so the kernel refuses.

  Tests RENAME-1, RENAME-2.

Layers, the topmost first
  upper  (empty)
  lower[0]
    d/
      f  "hello"
  lower[1]  (empty)
  data[0]
    big  "x"

Mounted with redirect_dir=off, volatile.
Needs kernel >=5.11, real root, several user ids, ext4 as the scratch file
  system.

Actors besides the mounter
  alice: uid 1000, gid 1000, groups 5, CAP_FOWNER, umask 0077

Steps
  1. rename d -> e    must fail with EXDEV
     (as mv would try)
  2. open d/f O_RDONLY, as fd
  3. read fd          must read "hello"
  4. while unmounted, in upper
     1. unlink g  must fail with ENOENT
  5. while unmounted, in lower[0]
     build
       z  "z"
  6. at the same time
     a1. mkdir a
     a2. barrier x
     b1. barrier x
  7. look at merged: must be
     if all layers are on one file system:
       d/  (whatever it is)
     else:
       (empty)
  8. alice: stat d/f
       must fail with EACCES if run by real root, else give uid 0, gid 0

Afterwards
  merged
    d/
      f  "hello"
  upper  (empty)
)");
}

TEST(DescribeCase, TellsOtherBeginningsAndEnds) {
  const std::string words =
      describe(case_from_json(Json::parse(R"({"id": "a", "title": "T", "clauses": [], "upper": null,
    "mounted": false, "steps": [], "after": {"if": {"samefs": false}, "then": {}, "else": {"merged": {}}}})"),
                              "g", ""));
  EXPECT_NE(words.find("upper  (none: a read-only mount)"), std::string::npos);
  EXPECT_NE(words.find("Not mounted at first. Options: the default options."), std::string::npos);
  EXPECT_NE(words.find("Steps\n  (none)"), std::string::npos);
  EXPECT_NE(words.find("  if the layers are on several file systems:\n    (anything goes)\n  else:\n    "
                       "merged  (empty)\n"),
            std::string::npos)
      << words;
}

TEST(DescribeCase, NeverExceedsEightyColumns) {
  const std::string word(300, 'w'),
      umlauts = "ää äääää äääääääää äääääääääääääääääääääääääääää äääääääääääääääääääääääääääääää ä";
  Json tree = {{word, umlauts + umlauts}};
  for (int i = 0; i < 60; ++i) tree = {{"d" + std::to_string(i) + "/", tree}, {"f", word}};
  const Json json = {{"id", word},
                     {"title", umlauts + umlauts + umlauts},
                     {"about", word + " " + umlauts},
                     {"clauses", {word}},
                     {"lower", {tree}},
                     {"mount", {{"lowerdir", word}}},
                     {"steps",
                      {{{"rename", {word, umlauts}}, {"expect", {{"data", word}}}, {"note", word}},
                       {{"tree", "merged"}, {"expect", tree}}}},
                     {"after", {{"merged", tree}}}};
  std::istringstream lines(describe(case_from_json(json, word, "")));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 80u) << line;
}

TEST(Quote, HidesNothingAndCutsLongTexts) {
  EXPECT_EQ(quote("a\"\\\x1b[31m\xc2\x9b"), "\"a\\\"\\\\\\x1b[31m\\x9b\"");
  EXPECT_EQ(quote(std::string(5000, 'x')), "\"" + std::string(48, 'x') + "...\" (5000 bytes)");
  EXPECT_EQ(quote("\uf7ff"), "\"\\xff\"");
  EXPECT_EQ(path_in_words(""), "\"\"");
  EXPECT_EQ(path_in_words("d/f.txt"), "d/f.txt");
}

}  // namespace
}  // namespace ovlcheck
