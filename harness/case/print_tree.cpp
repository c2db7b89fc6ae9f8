// Trees in words.
#include <fmt/format.h>

#include "harness/case/layout.h"
#include "harness/case/print.h"

namespace ovlcheck {
namespace {

std::string bytes_in_words(const std::string& bytes) {
  return quote(text_from_bytes(bytes));
}

std::string content_in_words(const Content& content) {
  std::string words;
  for (const Piece& piece : content.pieces) {
    if (!words.empty()) words += " + ";
    switch (piece.kind) {
      case Piece::Kind::data:
        words += bytes_in_words(piece.bytes);
        break;
      case Piece::Kind::fill:
        words += fmt::format("{} x {}", piece.size, bytes_in_words(piece.bytes));
        break;
      case Piece::Kind::hole:
        words += fmt::format("hole of {}", piece.size);
        break;
      case Piece::Kind::digest:
        words += fmt::format("{} bytes with digest {}", piece.size, piece.bytes);
        break;
    }
  }
  return words.empty() ? "\"\"" : words;
}

std::string type_in_words(const Tree& node) {
  switch (node.type) {
    case NodeType::file:
      return content_in_words(node.content);
    case NodeType::symlink:
      return "-> " + path_in_words(text_from_bytes(node.target));
    case NodeType::hardlink:
      return "= " + path_in_words(text_from_bytes(node.target)) + " (hard link)";
    case NodeType::character:
    case NodeType::block:
      return fmt::format("{} {}:{}", type_name(node.type), node.major, node.minor);
    case NodeType::whiteout:
      return node.marks.whiteout ? "whiteout (" + *node.marks.whiteout + ")" : "whiteout";
    case NodeType::fifo:
    case NodeType::socket:
      return type_name(node.type);
    case NodeType::directory:
      return "";
  }
  return "";
}

// Words with two blanks between them.
class Columns {
 public:
  void add(const std::string& word) {
    if (word.empty()) return;
    if (!line_.empty()) line_ += "  ";
    line_ += word;
  }
  const std::string& line() const { return line_; }

 private:
  std::string line_;
};

std::string time_in_words(const Time& time) {
  return time.nsec ? fmt::format("{}.{:09}", time.sec, time.nsec) : std::to_string(time.sec);
}

void add_marks(const Marks& marks, Columns& line) {
  const auto maybe = [&](const std::optional<bool>& mark, const std::string& name) {
    if (mark) line.add(*mark ? name : "no " + name);
  };
  if (!marks.opaque.empty()) line.add(marks.opaque == "x" ? "opaque (x)" : "opaque");
  if (marks.redirect) line.add("redirect " + path_in_words(text_from_bytes(*marks.redirect)));
  if (marks.metacopy) line.add("metacopy");
  maybe(marks.origin, "origin");
  maybe(marks.impure, "impure");
}

void add_xattrs(const Tree& node, Columns& line) {
  for (const auto& [name, value] : node.xattrs) {
    const std::string shown = path_in_words(text_from_bytes(name));
    line.add(value ? shown + "=" + bytes_in_words(*value) : "no " + shown);
  }
  for (const std::string& name : node.xattrs_present) line.add(path_in_words(text_from_bytes(name)));
}

void add_attributes(const Tree& node, Columns& line) {
  add_marks(node.marks, line);
  if (node.mode) line.add(fmt::format("mode {:04o}", *node.mode));
  if (node.uid) line.add(fmt::format("uid {}", *node.uid));
  if (node.gid) line.add(fmt::format("gid {}", *node.gid));
  if (node.mtime) line.add("mtime " + time_in_words(*node.mtime));
  if (node.atime) line.add("atime " + time_in_words(*node.atime));
  add_xattrs(node, line);
  if (node.acl) line.add("acl " + *node.acl);
  if (node.default_acl) line.add("default acl " + *node.default_acl);
  if (node.nlink) line.add(fmt::format("nlink {}", *node.nlink));
  if (node.size) line.add(fmt::format("size {}", *node.size));
  if (node.sparse) line.add(*node.sparse ? "sparse" : "not sparse");
  if (!node.trouble.empty()) line.add("! " + node.trouble);
}

void append_node(std::string& page, size_t indent, const std::string& name, const Tree& node);

void append_children(std::string& page, size_t indent, const Tree& node) {
  for (const auto& [name, child] : node.children) append_node(page, indent, text_from_bytes(name), child);
  if (node.others_allowed) append_wrapped(page, indent, "... and maybe others");
}

void append_node(std::string& page, size_t indent, const std::string& name, const Tree& node) {
  Columns line;
  line.add(path_in_words(name) + (node.type == NodeType::directory ? "/" : ""));
  if (node.match == Match::anything) line.add("(whatever it is)");
  if (node.match == Match::absent) line.add("(must not exist)");
  if (node.match == Match::node) {
    line.add(type_in_words(node));
    add_attributes(node, line);
  }
  append_wrapped(page, indent, line.line());
  append_children(page, indent + 2, node);
}

}  // namespace

std::string describe(const Tree& tree, int indent) {
  std::string page;
  const auto margin = static_cast<size_t>(std::max(indent, 0));
  Columns own;
  add_attributes(tree, own);
  if (!own.line().empty()) append_wrapped(page, margin, "./  " + own.line());
  append_children(page, margin, tree);
  return page;
}

}  // namespace ovlcheck
