#include "harness/report/repro/shell_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace ovlcheck {
namespace {

constexpr const char* kDefaultTime = "1000000000";

bool is_bare(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("_./,:=@%+-").find(c) != std::string_view::npos;
}

bool is_plain(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// `printf` that prints exactly these bytes.
std::string printf_command(std::string_view bytes) {
  if (is_plain(bytes)) return "printf %s " + shell_word(bytes);
  std::string format;
  for (const char c : bytes) {
    if (c == '\n')
      format += "\\n";
    else if (c == '%')
      format += "%%";
    else if (c == '\\')
      format += "\\\\";
    else if (c == '\'')
      format += "'\\''";
    else if (c >= 0x20 && c < 0x7f && !(c == '-' && format.empty()))  // no option
      format += c;
    else
      format += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return "printf '" + format + "'";
}

std::string hex(std::string_view bytes) {
  std::string text = "0x";
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string attribute_word(const std::string& name) {
  if (!name.starts_with(kOverlayVariable)) return shell_word(name);
  return "\"${overlay}" + name.substr(kOverlayVariable.size()) + "\"";
}

std::string time_word(const Time& time) {
  return time.nsec == 0 ? fmt::format("@{}", time.sec) : fmt::format("@{}.{:09}", time.sec, time.nsec);
}

class Commands {
 public:
  explicit Commands(bool fresh) : fresh_(fresh) {}

  void build(const Tree& root, const std::string& directory) {
    if (!fresh_) nodes_.push_back("new0=; [ -n \"$(ls -A " + shell_word(directory) + ")\" ] || new0=yes");
    top_ = directory;
    children(root, directory);
    links(root, directory);
    directories(root, directory, 0);
  }

  std::vector<std::string> nodes_, times_;

 private:
  void children(const Tree& tree, const std::string& path) {
    for (const auto& [name, child] : tree.children) node(child, path + "/" + name);
  }

  void node(const Tree& tree, const std::string& path) {
    const std::string word = shell_word(path);
    if (tree.type == NodeType::hardlink) return;  // links() makes them
    if (tree.type == NodeType::directory) {
      const size_t number = ++made_;
      nodes_.push_back(
          fresh_ ? "mkdir " + word
                 : fmt::format("new{0}=; mkdir {1} 2>/dev/null && new{0}=yes || [ -d {1} ]", number, word));
      numbers_[path] = number;
      return children(tree, path);
    }
    if (!fresh_) nodes_.push_back("rm -f " + word);
    create(tree, word);
    attributes(tree, word);
    if (!fresh_) nodes_.push_back(fmt::format("touch -h -d @{} {}", kDefaultTime, word));
    times(tree, word);
  }

  void create(const Tree& tree, const std::string& word) {
    switch (tree.type) {
      case NodeType::file:
        return file(tree.content, word);
      case NodeType::symlink:
        return nodes_.push_back("ln -s " + shell_word(tree.target) + " " + word);
      case NodeType::fifo:
        return nodes_.push_back("mkfifo " + word);
      case NodeType::socket:
        return nodes_.push_back("python3 -c 'import os, sys; os.mknod(sys.argv[1], 0o140644)' " + word);
      default:
        return nodes_.push_back(fmt::format(
            "mknod {} {} {} {}", word, tree.type == NodeType::block ? "b" : "c", tree.major, tree.minor));
    }
  }

  void file(const Content& content, const std::string& word) {
    if (content.pieces.empty() || content.size() == 0) return nodes_.push_back(": >" + word);
    uint64_t at = 0;
    for (const Piece& piece : content.pieces) {
      const char* into = at == 0 ? " >" : " >>";
      if (piece.kind == Piece::Kind::hole)
        nodes_.push_back(fmt::format("truncate -s {} {}", at + piece.size, word));
      else if (piece.kind == Piece::Kind::fill)
        nodes_.push_back(fmt::format("head -c {} /dev/zero | tr '\\0' {}{}{}", piece.size,
                                     shell_word(piece.bytes), into, word));
      else
        nodes_.push_back(printf_command(piece.bytes) + into + word);
      at += piece.kind == Piece::Kind::data ? piece.bytes.size() : piece.size;
    }
  }

  // In the order of build_tree(): the owner clears set-id bits and capabilities, an ACL changes the mode.
  void attributes(const Tree& tree, const std::string& word) {
    if (tree.uid || tree.gid)
      nodes_.push_back(fmt::format("chown -h {}{} {}", tree.uid ? fmt::format("{}", *tree.uid) : "",
                                   tree.gid ? fmt::format(":{}", *tree.gid) : "", word));
    for (const auto& [name, value] : tree.xattrs)
      if (value)
        nodes_.push_back("setfattr -h -n " + attribute_word(name) + value_option(*value) + " " + word);
    const std::string mode = tree.mode ? fmt::format("chmod {:04o} {}", *tree.mode, word) : "";
    if (!mode.empty()) nodes_.push_back(mode);
    if (tree.acl) nodes_.push_back("setfacl -n --set " + shell_word(*tree.acl) + " " + word);
    if (tree.default_acl)
      nodes_.push_back("setfacl -n -d --set " + shell_word(*tree.default_acl) + " " + word);
    if (tree.acl && !mode.empty()) nodes_.push_back(mode);
  }

  static std::string value_option(const std::string& value) {
    if (value.empty()) return "";
    const bool as_it_is = std::all_of(value.begin(), value.end(), is_bare) && value[0] != '0';
    return " -v " + (as_it_is ? value : hex(value));
  }

  void times(const Tree& tree, const std::string& word) {
    auto& lines = fresh_ ? times_ : nodes_;
    if (tree.atime) lines.push_back("touch -h -a -d " + time_word(*tree.atime) + " " + word);
    if (tree.mtime) lines.push_back("touch -h -m -d " + time_word(*tree.mtime) + " " + word);
  }

  void links(const Tree& tree, const std::string& path) {
    for (const auto& [name, child] : tree.children) {
      const std::string at = path + "/" + name;
      if (child.type == NodeType::directory) links(child, at);
      if (child.type == NodeType::hardlink)
        nodes_.push_back((fresh_ ? "ln -P " : "ln -P -f ") + shell_word(top_ + "/" + child.target) + " " +
                         shell_word(at));
    }
  }

  // Directories get their attributes when they are complete.
  void directories(const Tree& tree, const std::string& path, size_t number) {
    for (const auto& [name, child] : tree.children)
      if (child.type == NodeType::directory)
        directories(child, path + "/" + name, numbers_.at(path + "/" + name));
    const std::string word = shell_word(path);
    attributes(tree, word);
    if (!fresh_)
      nodes_.push_back(fmt::format("[ -z \"$new{}\" ] || touch -d @{} {}", number, kDefaultTime, word));
    times(tree, word);
  }

  const bool fresh_;
  std::string top_;
  size_t made_ = 0;
  std::map<std::string, size_t> numbers_;  // of directories, for what was made anew
};

}  // namespace

std::string shell_word(std::string_view bytes) {
  if (!bytes.empty() && std::all_of(bytes.begin(), bytes.end(), is_bare)) return std::string(bytes);
  // Control characters and odd bytes survive an editor only if they are spelled out. A newline at the end
  // would be lost in a command substitution.
  const bool spelled = std::any_of(bytes.begin(), bytes.end(), [](char c) {
    return (c >= 0 && c < 0x20) || c == 0x7f || static_cast<unsigned char>(c) >= 0x80;
  });
  if (spelled && bytes.back() != '\n') return "\"$(" + printf_command(bytes) + ")\"";
  std::string word = "'";
  for (const char c : bytes) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

BuildCommands build_commands(const Tree& raw, const std::string& directory) {
  Commands commands(true);
  commands.build(raw, directory);
  return {std::move(commands.nodes_), std::move(commands.times_)};
}

std::vector<std::string> add_commands(const Tree& raw, const std::string& directory) {
  Commands commands(false);
  commands.build(raw, directory);
  return std::move(commands.nodes_);
}

}  // namespace ovlcheck
