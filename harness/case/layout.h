// Layout of what is told to a person: quoting, and lines of at most 80 columns.
#pragma once

#include <string>
#include <string_view>

namespace ovlcheck {

// A JSON text (see json.h) in quotes, control characters and odd bytes as \n, \xff; long ones cut off:
// `"aaaa..." (5000 bytes)`.
std::string quote(std::string_view text);
// A name or path: bare where nothing in it can be mistaken, else quoted in full.
std::string path_in_words(std::string_view text);

// How many columns a text takes, one for each character.
size_t columns(std::string_view text);

// Appends `text` as one paragraph, indented by `indent` blanks, further lines by `hang` more, in lines of at
// most 80 columns.
void append_wrapped(std::string& page, size_t indent, std::string_view text, size_t hang = 4);

}  // namespace ovlcheck
