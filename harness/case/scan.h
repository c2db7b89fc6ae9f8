// A walk over the values of a JSON text that knows lines and notices repeated keys, which parsers forget.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ovlcheck {

struct Scanned {
  std::string_view pointer;   // JSON pointer of the value; valid during the call
  int line = 0;               // from 1, where the value starts
  size_t depth = 0;           // 0 = the document
  size_t position = 0;        // among its siblings, from 0
  bool repeated_key = false;  // an earlier member of the same object has this key
};

// Calls `on_value` for every value in the order of the text until it returns false. The text should be valid
// JSON; on anything else the walk still ends, and what it reports is of no use.
void scan_json(std::string_view text, const std::function<bool(const Scanned&)>& on_value);

// A key as a reference token of a JSON pointer: "~" -> "~0", "/" -> "~1".
std::string pointer_token(std::string_view key);

}  // namespace ovlcheck
