#include "harness/report/repro/shell_text.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "harness/case/test_folder.h"
#include "harness/ops/fd.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

// What the shell prints when it runs `command`, at most 4 KiB.
std::string shell_prints(const std::string& command) {
  FILE* output = popen(command.c_str(), "r");
  if (!output) return "popen failed";
  std::array<char, 4096> buffer;
  const size_t size = fread(buffer.data(), 1, buffer.size(), output);
  EXPECT_EQ(pclose(output), 0) << command;
  return std::string(buffer.data(), size);
}

void run_in(const std::string& directory, const std::vector<std::string>& lines) {
  std::string script = "set -e; cd " + directory + "\n";
  for (const std::string& line : lines) script += line + "\n";
  EXPECT_EQ(shell_prints("( " + script + " ) 2>&1"), "");
}

Fd open_directory(const std::string& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// A tree that anybody can build.
const char* const kTree = R"({
  ".": {"mode": "0711"},
  "d/": {".": {"mode": "01750", "mtime": [5, 6]}, "f": "hello", "empty": "", "100% '\"$x": "-n a\n%s\\",
         "l": {"symlink": "../no where", "mtime": 7}, "p": {"fifo": true, "mode": "0600"},
         "same": {"hardlink": "z"}},
  "pieces": {"file": [{"data": "ab"}, {"hole": 4096}, {"fill": "x", "size": 100}, {"hole": 10}]},
  "\uf7ff": {"file": "\uf780", "mode": "0400", "atime": [1, 2], "mtime": [3, 4]},
  "z": "linked"})";

TEST(ShellText, AWordIsReadBackByTheShell) {
  for (const std::string word :
       {"plain", "", "two words", "it's", "$HOME `x` \\ \"", "a\nb", "end\n", "\xff\x01", "-n"})
    EXPECT_EQ(shell_prints("printf %s " + shell_word(word)), word);
}

TEST(ShellText, CommandsBuildWhatBuildTreeBuilds) {
  const TestFolder folder;
  const Tree tree = tree_from_json(Json::parse(kTree), "");
  run_in(folder.path(), {"mkdir direct commands"});
  const BuildCommands commands = build_commands(tree, "commands");
  run_in(folder.path(), commands.nodes);
  run_in(folder.path(), {"find commands -depth -exec touch -h -d @1000000000 {} +"});
  run_in(folder.path(), commands.times);
  ASSERT_TRUE(build_tree(open_directory(folder.path() + "/direct").get(), tree));

  const Json expected = json_from_tree(snapshot(open_directory(folder.path() + "/direct").get()));
  Json built = json_from_tree(snapshot(open_directory(folder.path() + "/commands").get()));
  const std::function<void(Json&)> forget_identity = [&](Json& json) {
    if (json.is_object()) json.erase("ino"), json.erase("dev");
    for (Json& inner : json)
      if (inner.is_structured()) forget_identity(inner);
  };
  Json wanted = expected;
  forget_identity(wanted);
  forget_identity(built);
  EXPECT_EQ(wanted.dump(2), built.dump(2));
}

TEST(ShellText, CommandsAddToWhatIsThere) {
  const TestFolder folder;
  run_in(folder.path(),
         {"mkdir -p layer/d/kept", "chmod 0700 layer/d", "echo old >layer/d/f", "touch -d @5 layer/d"});
  const Tree tree = tree_from_json(Json::parse(R"({"d/": {"f": "new"}, "e/": {"g": "x"}})"), "");
  run_in(folder.path(), add_commands(tree, "layer"));
  const Tree seen = snapshot(open_directory(folder.path() + "/layer").get());
  EXPECT_EQ(find_node(seen, "d")->mode, 0700U);
  EXPECT_TRUE(find_node(seen, "d/kept"));
  EXPECT_TRUE(find_node(seen, "d/f")->content.same_bytes(Content::of("new")));
  EXPECT_EQ(find_node(seen, "d/f")->mtime, (Time{1000000000, 0}));
  EXPECT_EQ(find_node(seen, "e")->mtime, (Time{1000000000, 0}));
}

TEST(ShellText, LeavesThePrefixOfOverlayMarksToTheScript) {
  Tree raw;
  raw.xattrs[std::string(kOverlayVariable) + "opaque"] = "y";
  EXPECT_EQ(build_commands(raw, "upper").nodes.back(), "setfattr -h -n \"${overlay}opaque\" -v y upper");
}

}  // namespace
}  // namespace ovlcheck
