#include "harness/case/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case/json.h"

namespace ovlcheck {
namespace {

constexpr size_t line_width = 80;
constexpr size_t deepest_indent = 40;
constexpr size_t longest_shown = 48;  // characters of a quoted text

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The length in bytes of the first `count` characters.
size_t prefix_length(std::string_view text, size_t count) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (continues_character(text[at])) continue;
    if (count == 0) break;
    --count;
  }
  return at;
}

// What a terminal might obey or a reader overlook.
void append_character(std::string& out, std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character == "\n")
    out += "\\n";
  else if (character == "\t")
    out += "\\t";
  else if (character == "\"" || character == "\\")
    out += "\\" + std::string(character);
  else if (first < 0x20 || first == 0x7f)
    out += fmt::format("\\x{:02x}", first);
  else if (character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0)
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character[1]));
  else if (const std::string bytes = bytes_from_text(character); bytes.size() == 1 && first >= 0x80)
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
  else
    out += character;
}

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(1, prefix_length(text, 1));
    append_character(out, text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

// Where to end a line of at most `room` bytes: where two blanks separate things, else at any blank.
size_t break_before(std::string_view text, size_t room) {
  const size_t gap = text.rfind("  ", room);
  if (gap != text.npos && gap > room / 2) return gap;
  const size_t blank = text.rfind(' ', room);
  return blank != text.npos && blank > 0 ? blank : room;
}

}  // namespace

std::string quote(std::string_view text) {
  const size_t shown = prefix_length(text, longest_shown);
  if (shown == text.size()) return '"' + escaped(text) + '"';
  return fmt::format("\"{}...\" ({} bytes)", escaped(text.substr(0, shown)), bytes_from_text(text).size());
}

std::string path_in_words(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._/-+@%:[]#~|").find(c) != std::string_view::npos;
  });
  return plain ? std::string(text) : '"' + escaped(text) + '"';
}

size_t columns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

void append_wrapped(std::string& page, size_t indent, std::string_view text, size_t hang) {
  indent = std::min(indent, deepest_indent);
  bool first = true;
  while (first || !text.empty()) {
    const size_t margin = first ? indent : indent + hang;
    const size_t room = prefix_length(text, line_width - margin);
    size_t length = room;
    if (room < text.size()) length = break_before(text, room);
    std::string_view line = text.substr(0, length);
    text.remove_prefix(length);
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (line.ends_with(' ')) line.remove_suffix(1);
    page.append(margin, ' ').append(line).append("\n");
    first = false;
  }
}

}  // namespace ovlcheck
