#include "harness/case/problem.h"

#include "harness/case/scan.h"

namespace ovlcheck {
namespace {

std::string summary(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    text += to_string(problem);
  }
  return text;
}

}  // namespace

std::string to_string(const Problem& problem) {
  std::string text = problem.file;
  if (problem.line > 0) text += ":" + std::to_string(problem.line);
  if (!text.empty()) text += ": ";
  if (!problem.pointer.empty()) text += problem.pointer + ": ";
  return text + problem.message;
}

BadCase::BadCase(std::vector<Problem> found)
    : std::runtime_error(summary(found)), problems(std::move(found)) {}

BadCase::BadCase(std::string pointer, std::string message)
    : BadCase(
          std::vector<Problem>{{.file = "", .pointer = std::move(pointer), .message = std::move(message)}}) {}

int line_of(std::string_view text, std::string_view pointer) {
  int found = 0;
  scan_json(text, [&](const Scanned& value) {
    if (!value.repeated_key && value.pointer == pointer) found = value.line;
    return found == 0;
  });
  return found;
}

}  // namespace ovlcheck
