// Place: where a reader of nested JSON stands, made into a pointer only when something is wrong there.
#pragma once

#include <string>
#include <string_view>

#include "harness/case/problem.h"
#include "harness/case/scan.h"

namespace ovlcheck {

// A link of the path from the document to a value; lives on the stack of the function that reads the value.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;

  Place in(std::string_view member) const { return {this, member}; }
  std::string pointer() const {
    return parent ? parent->pointer() + '/' + pointer_token(key) : std::string(key);
  }
  [[noreturn]] void fail(const std::string& message) const { throw BadCase(pointer(), message); }
};

}  // namespace ovlcheck
