// Layers of a case as commands of a POSIX shell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/case/tree.h"

namespace ovlcheck {

// What the names of overlayfs' attributes begin with in raw trees that build_commands() is given; the script
// replaces it by its variable $overlay.
constexpr std::string_view kOverlayVariable = "$overlay.";

// Bytes as one word of the shell.
std::string shell_word(std::string_view bytes);

// Commands that build a raw tree (see build_tree) into the existing directory `directory`.
struct BuildCommands {
  std::vector<std::string> nodes;
  std::vector<std::string> times;  // to be run after everything else
};

// Into a new, empty directory; the caller gives all nodes the time 1000000000 between `nodes` and `times`.
// Throws BadCase for what no command can build.
BuildCommands build_commands(const Tree& raw, const std::string& directory);

// Into a directory that has something in it already; everything in order.
std::vector<std::string> add_commands(const Tree& raw, const std::string& directory);

}  // namespace ovlcheck
