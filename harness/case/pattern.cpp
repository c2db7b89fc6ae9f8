#include "harness/case/pattern.h"

#include <fnmatch.h>

namespace ovlcheck {

bool matches_case(const std::string& pattern, const std::string& name) {
  std::string literal;
  for (char c : pattern) literal += c == '[' || c == ']' ? std::string("\\") + c : std::string(1, c);
  const bool of_group = pattern.find('/') == std::string::npos;
  return fnmatch(literal.c_str(), (of_group ? name.substr(0, name.find('/')) : name).c_str(), 0) == 0;
}

}  // namespace ovlcheck
