#include "harness/case/json.h"

namespace ovlcheck {
namespace {

// The private-use characters U+F780..U+F7FF stand for the bytes 0x80..0xFF.
constexpr uint32_t first_escape = 0xF780, last_escape = 0xF7FF;

struct Character {
  uint32_t code = 0;
  size_t length = 0;  // in bytes; 0 = not valid UTF-8
};

Character decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  uint32_t code = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const uint32_t smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

bool is_escape(uint32_t code) {
  return code >= first_escape && code <= last_escape;
}

void append_escape(std::string& out, unsigned char byte) {
  const uint32_t code = first_escape + (byte - 0x80u);
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

bool all_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace

std::string text_from_bytes(std::string_view bytes) {
  if (all_ascii(bytes)) return std::string(bytes);
  std::string out;
  while (!bytes.empty()) {
    const Character c = decode(bytes);
    const size_t length = c.length ? c.length : 1;
    if (c.length && !is_escape(c.code)) {
      out += bytes.substr(0, length);
    } else {
      for (const char byte : bytes.substr(0, length)) append_escape(out, static_cast<unsigned char>(byte));
    }
    bytes.remove_prefix(length);
  }
  return out;
}

std::string bytes_from_text(std::string_view text) {
  if (all_ascii(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const Character c = decode(text);
    const size_t length = c.length ? c.length : 1;
    if (c.length && is_escape(c.code))
      out += static_cast<char>(0x80 + (c.code - first_escape));
    else
      out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

bool same_json(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const auto other = b.find(key);
      if (other == b.end() || !same_json(value, *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!same_json(a[i], b[i])) return false;
    return true;
  }
  return a == b;
}

}  // namespace ovlcheck
