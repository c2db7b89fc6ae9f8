// Problem: what is wrong with a case file, and where.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck {

struct Problem {
  std::string file;
  std::string pointer = {};  // JSON pointer, "" = whole document
  int line = 0;              // from 1; 0 = unknown
  std::string message;       // what is wrong and, where it helps, the remedy
};

// "cases/rename.json:12: /cases/0/steps/1: unknown member "expct" (did you mean "expect"?)"
std::string to_string(const Problem& problem);

// Thrown while a document is read; carries every problem found.
class BadCase : public std::runtime_error {
 public:
  explicit BadCase(std::vector<Problem> problems);
  // A single problem whose file and line the caller adds.
  BadCase(std::string pointer, std::string message);
  std::vector<Problem> problems;
};

// The line (from 1) on which the value that `pointer` names starts in `text`; 0 if it is not there.
int line_of(std::string_view text, std::string_view pointer);

}  // namespace ovlcheck
