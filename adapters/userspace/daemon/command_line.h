// The command line of the userlay daemon, as mount(8) and people write it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace userlay {

struct CommandLine {
  bool help = false, version = false;
  bool foreground = false;  // -f
  bool debug = false;       // -d: every request on stderr
  std::string mount_point;
  std::string overlay_options;            // for parse_options(): "lowerdir=...,upperdir=..."
  std::vector<std::string> fuse_options;  // for libfuse and the kernel: "allow_other"
};

// Understands `userlay [-f] [-d] [-o OPTION,...]... [SOURCE] MOUNTPOINT` in any order; SOURCE is what
// mount(8) adds. Options that are neither FUSE's nor mount(8)'s own are overlay options; "\," in them is a
// comma. Fails with a message.
tl::expected<CommandLine, std::string> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace userlay
