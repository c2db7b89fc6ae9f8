// The JSON value type used everywhere (members keep the order of the file), and its text conventions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ovlcheck {

using Json = nlohmann::ordered_json;

// Bytes <-> JSON text. A JSON string is UTF-8; every byte that is not part of valid UTF-8 (and every byte of
// an encoded U+F780..U+F7FF) is written as one character U+F780 + (byte - 0x80). Lossless in both directions.
std::string text_from_bytes(std::string_view bytes);
std::string bytes_from_text(std::string_view text);

// Are the two values equal, whatever the order of object members?
bool same_json(const Json& a, const Json& b);

}  // namespace ovlcheck
