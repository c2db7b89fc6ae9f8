// Values of a case as Python source text.
#pragma once

#include <string>
#include <string_view>

#include "harness/case/json.h"
#include "harness/case/tree.h"

namespace ovlcheck {

// A JSON text as a Python string; bytes that are not UTF-8 become surrogates, as os.fsdecode() has them.
std::string python_text(std::string_view text);
// The same with `{NAME}` for Python's variables: an f-string in which only those of `names` are replaced.
std::string python_format(std::string_view text, const std::vector<std::string>& names);
// Bytes as a Python bytes object.
std::string python_bytes(std::string_view bytes);
// Any JSON value as Python writes it.
std::string python_literal(const Json& value);
// An expected tree as a dictionary: path to what must be there, a line for each, indented by `indent`
// blanks. Throws BadCase if a file is too large to be written down.
std::string python_tree(const Tree& expected, size_t indent);

}  // namespace ovlcheck
