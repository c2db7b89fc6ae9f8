#include "adapters/userspace/daemon/command_line.h"

#include <algorithm>
#include <string_view>

namespace userlay {
namespace {

// Options with a meaning for the kernel's FUSE, libfuse or mount(8) rather than for an overlay: with a value,
// and without.
constexpr std::string_view kFuseValues[] = {"fsname",  "subtype",   "max_read",    "blksize",
                                            "context", "fscontext", "rootcontext", "defcontext"};
constexpr std::string_view kFuseFlags[] = {"allow_other", "allow_root", "auto_unmount", "default_permissions",
                                           "blkdev",      "ro",         "rw",           "suid",
                                           "nosuid",      "dev",        "nodev",        "exec",
                                           "noexec",      "async",      "sync",         "atime",
                                           "noatime",     "dirsync"};
// What only mount(8) and fstab care about.
constexpr std::string_view kIgnored[] = {"defaults", "auto",    "noauto", "user",  "nouser",
                                         "users",    "_netdev", "nofail", "owner", "group"};

// The options of one -o argument; a backslash keeps the comma after it.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> all(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      all.back() += text[i];
      all.back() += text[++i];
    } else if (text[i] == ',') {
      all.emplace_back();
    } else {
      all.back() += text[i];
    }
  }
  return all;
}

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_for_fuse(const std::string& option) {
  const size_t equals = option.find('=');
  return equals == std::string::npos ? is_one_of(kFuseFlags, option)
                                     : is_one_of(kFuseValues, option.substr(0, equals));
}

void add_options(const std::string& text, CommandLine& line) {
  for (const std::string& option : split(text)) {
    if (option.empty() || is_one_of(kIgnored, option) || option.starts_with("x-")) continue;
    if (is_for_fuse(option)) {
      line.fuse_options.push_back(option);
    } else {
      line.overlay_options += (line.overlay_options.empty() ? "" : ",") + option;
    }
    // Read-only is both: the kernel must know it, and the layers must be left alone.
    if (option == "ro") line.overlay_options += line.overlay_options.empty() ? "ro" : ",ro";
  }
}

}  // namespace

tl::expected<CommandLine, std::string> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  std::vector<std::string> operands;
  bool only_operands = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_operands || argument.empty() || argument[0] != '-' || argument == "-") {
      operands.push_back(argument);
    } else if (argument == "--") {
      only_operands = true;
    } else if (argument == "-h" || argument == "--help") {
      line.help = true;
    } else if (argument == "-V" || argument == "--version") {
      line.version = true;
    } else if (argument == "-f") {
      line.foreground = true;
    } else if (argument == "-d") {
      line.foreground = line.debug = true;
    } else if (argument.starts_with("-o")) {
      if (argument.size() == 2 && i + 1 == arguments.size())
        return tl::unexpected(std::string("-o needs options after it"));
      add_options(argument.size() > 2 ? argument.substr(2) : arguments[++i], line);
    } else {
      return tl::unexpected("unknown argument " + argument + " (see userlay --help)");
    }
  }
  if (line.help || line.version) return line;
  if (operands.empty()) return tl::unexpected(std::string("no mount point given (see userlay --help)"));
  if (operands.size() > 2) return tl::unexpected("one mount point is enough, not also " + operands[2]);
  line.mount_point = operands.back();
  if (line.overlay_options.empty())
    return tl::unexpected(std::string("no layers given: -o lowerdir=DIR:DIR,upperdir=DIR,workdir=DIR"));
  return line;
}

}  // namespace userlay
