#include "harness/report/repro/python_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

constexpr uint64_t kLargestFile = 64 << 20;  // bytes, as in survey.py
constexpr size_t kRepeated = 40;             // characters from which on a repeated one is written once

// One byte of text or data that cannot stand for itself, or "".
std::string escaped(char byte) {
  switch (byte) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  const auto number = static_cast<unsigned char>(byte);
  return number < 0x20 || number == 0x7f ? fmt::format("\\x{:02x}", number) : "";
}

bool repeats_one(std::string_view text) {
  return text.size() >= kRepeated && text[0] > ' ' && text[0] < 0x7f &&
         text.find_first_not_of(text[0]) == std::string_view::npos;
}

// U+F780 to U+F7FF stand for bytes, see json.h; in UTF-8 they are EF 9E 80 to EF 9F BF.
bool is_odd_byte(std::string_view text) {
  return text.size() >= 3 && text[0] == '\xEF' && (text[1] == '\x9E' || text[1] == '\x9F');
}

std::string text_body(std::string_view text) {
  std::string body;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_odd_byte(text.substr(i))) {
      const unsigned low = static_cast<unsigned char>(text[i + 2]) & 0x3F;
      body += fmt::format("\\udc{:02x}", (text[i + 1] == '\x9E' ? 0x80 : 0xC0) + low);
      i += 2;
      continue;
    }
    const std::string other = escaped(text[i]);
    body += other.empty() ? std::string(1, text[i]) : other;
  }
  return body;
}

std::string content_of(const Content& content, const std::string& path) {
  if (content.size() > kLargestFile)
    throw BadCase("", fmt::format("{} has {} bytes, too many to be written into a script",
                                  text_from_bytes(path), content.size()));
  std::string words;
  for (const Piece& piece : content.pieces) {
    if (!words.empty()) words += " + ";
    if (piece.kind == Piece::Kind::hole)
      words += fmt::format("bytes({})", piece.size);
    else if (piece.kind == Piece::Kind::fill)
      words += fmt::format("{} * {}", python_bytes(piece.bytes), piece.size);
    else
      words += python_bytes(piece.bytes);
  }
  return words.empty() ? "b\"\"" : words;
}

class TreeWriter {
 public:
  explicit TreeWriter(size_t indent) : indent_(indent) {}

  std::string write(const Tree& root) {
    node(root, ".");
    return "{\n" + lines_ + std::string(indent_, ' ') + "}";
  }

 private:
  void node(const Tree& tree, const std::string& path) {
    members_.clear();
    if (tree.match == Match::absent)
      add("absent", "True");
    else if (tree.match == Match::anything)
      add("anything", "True");
    else
      attributes(tree, path);
    lines_ += fmt::format("{}{}: {{{}}},\n", std::string(indent_ + 4, ' '),
                          python_text(text_from_bytes(path)), members_);
    if (tree.match != Match::node) return;
    for (const auto& [name, child] : tree.children) node(child, path == "." ? name : path + "/" + name);
  }

  void add(const char* name, const std::string& value) {
    members_ += fmt::format("{}\"{}\": {}", members_.empty() ? "" : ", ", name, value);
  }
  template <class T>
  void add_number(const char* name, const std::optional<T>& value) {
    if (value) add(name, fmt::format("{}", *value));
  }
  void add_flag(const char* name, const std::optional<bool>& value) {
    if (value) add(name, *value ? "True" : "False");
  }
  void add_time(const char* name, const std::optional<Time>& time) {
    if (time) add(name, fmt::format("({}, {})", time->sec, time->nsec));
  }
  void add_text(const char* name, const std::optional<std::string>& bytes) {
    if (bytes) add(name, python_text(text_from_bytes(*bytes)));
  }

  void attributes(const Tree& tree, const std::string& path) {
    add("type", fmt::format("\"{}\"", type_name(tree.type)));
    if (tree.type == NodeType::file && !tree.marks.metacopy) add("content", content_of(tree.content, path));
    if (tree.type == NodeType::symlink || tree.type == NodeType::hardlink) add_text("target", tree.target);
    if (tree.type == NodeType::character || tree.type == NodeType::block)
      add("device", fmt::format("({}, {})", tree.major, tree.minor));
    if (tree.others_allowed) add("others", "True");
    if (tree.mode) add("mode", fmt::format("0o{:o}", *tree.mode));
    add_number("uid", tree.uid);
    add_number("gid", tree.gid);
    add_time("mtime", tree.mtime);
    add_time("atime", tree.atime);
    add_number("nlink", tree.nlink);
    add_number("size", tree.size);
    add_flag("sparse", tree.sparse);
    add_text("acl", tree.acl);
    add_text("default_acl", tree.default_acl);
    xattrs(tree);
    if (!tree.marks.opaque.empty()) add_text("opaque", tree.marks.opaque);
    add_text("redirect", tree.marks.redirect);
    add_text("whiteout", tree.marks.whiteout);
    if (tree.marks.metacopy) add("metacopy", "True");
    add_flag("origin", tree.marks.origin);
    add_flag("impure", tree.marks.impure);
  }

  void xattrs(const Tree& tree) {
    std::string all;
    auto one = [&all](const std::string& name, const std::string& value) {
      all += fmt::format("{}{}: {}", all.empty() ? "" : ", ", python_text(text_from_bytes(name)), value);
    };
    for (const auto& [name, value] : tree.xattrs)
      one(name, value ? python_text(text_from_bytes(*value)) : "False");
    for (const std::string& name : tree.xattrs_present) one(name, "True");
    if (!all.empty()) add("xattrs", "{" + all + "}");
  }

  const size_t indent_;
  std::string lines_, members_;
};

}  // namespace

std::string python_text(std::string_view text) {
  if (repeats_one(text)) return fmt::format("\"{}\" * {}", text_body(text.substr(0, 1)), text.size());
  return "\"" + text_body(text) + "\"";
}

std::string python_format(std::string_view text, const std::vector<std::string>& names) {
  std::string body;
  bool replaces = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto name = std::find_if(names.begin(), names.end(), [&](const std::string& one) {
      return text.substr(i).starts_with("{" + one + "}");
    });
    if (name != names.end()) {
      body += "{" + *name + "}";
      i += name->size() + 1;
      replaces = true;
    } else if (text[i] == '{' || text[i] == '}') {
      body.append(2, text[i]);
    } else {
      body += text_body(text.substr(i, 1));
    }
  }
  return replaces ? "f\"" + body + "\"" : python_text(text);
}

std::string python_bytes(std::string_view bytes) {
  if (repeats_one(bytes))
    return fmt::format("b\"{}\" * {}", escaped(bytes[0]).empty() ? bytes.substr(0, 1) : escaped(bytes[0]),
                       bytes.size());
  std::string body;
  for (const char byte : bytes) {
    const std::string other = escaped(byte);
    if (!other.empty())
      body += other;
    else if (static_cast<unsigned char>(byte) >= 0x80)
      body += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    else
      body += byte;
  }
  return "b\"" + body + "\"";
}

std::string python_literal(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_string()) return python_text(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value.dump();
  std::string items;
  for (const auto& [key, item] : value.items()) {
    if (!items.empty()) items += ", ";
    items += (value.is_object() ? python_text(key) + ": " : "") + python_literal(item);
  }
  return value.is_object() ? "{" + items + "}" : "[" + items + "]";
}

std::string python_tree(const Tree& expected, size_t indent) {
  return TreeWriter(indent).write(expected);
}

}  // namespace ovlcheck
