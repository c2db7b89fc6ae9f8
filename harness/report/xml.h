// XML: text as XML 1.0 can hold it.
#pragma once

#include <string>

namespace ovlcheck {

// Escaped for content and attribute values; control characters, which XML 1.0 cannot write, become "?".
std::string xml_escaped(const std::string& text);

}  // namespace ovlcheck
