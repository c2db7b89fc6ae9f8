#include "harness/generate/known.h"

#include <fnmatch.h>

#include <algorithm>

#include "harness/case/problem.h"
#include "harness/case/read.h"
#include "harness/case/schema.h"
#include "harness/results/baseline.h"

namespace ovlcheck::generate {
namespace {

constexpr const char* kSchema = R"({
  "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "description": "an object",
  "required": ["subject", "entries"], "additionalProperties": false,
  "properties": {
    "subject": {"type": "string", "description": "a subject's name"},
    "entries": {"type": "array", "description": "an array of entries", "items": {
      "type": "object", "description": "an object", "required": ["signatures", "reason"], "additionalProperties": false,
      "properties": {
        "scenarios": {"type": "array", "minItems": 1, "description": "an array of names of scenarios or patterns",
                      "items": {"type": "string", "minLength": 1, "description": "a name or pattern"}},
        "signatures": {"type": "array", "minItems": 1, "description": "an array of signatures or patterns",
                       "items": {"type": "string", "minLength": 1, "description": "a signature or pattern"}},
        "reason": {"type": "string", "minLength": 1, "description": "a text that is not empty"}}}}}})";

// "link merged acl, nlink" -> "link merged acl", "link merged nlink"; others are one part.
std::vector<std::string> parts_of(const std::string& signature) {
  size_t kinds = std::string::npos;
  for (const std::string_view layer : {" merged ", " upper "})
    if (const size_t at = signature.rfind(layer); at != std::string::npos) kinds = at + layer.size();
  if (kinds == std::string::npos) return {signature};
  std::vector<std::string> parts;
  for (size_t at = kinds; at < signature.size();) {
    const size_t end = std::min(signature.find(", ", at), signature.size());
    parts.push_back(signature.substr(0, kinds) + signature.substr(at, end - at));
    at = end + 2;
  }
  return parts;
}

bool any_matches(const std::vector<std::string>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return fnmatch(pattern.c_str(), text.c_str(), 0) == 0; });
}

}  // namespace

Known::Known(const std::filesystem::path& folder, const std::string& subject) {
  const std::string file = baseline_file(folder, subject).string();
  if (file.empty()) return;
  const std::string text = read_text(file);
  const Json json = parse_document(text, file);
  auto problems = check_by(kSchema, json);
  for (auto& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  for (const auto& entry : json["entries"])
    entries_.push_back(
        {entry["signatures"], entry.value("scenarios", std::vector<std::string>{"*"}), entry["reason"]});
}

std::string Known::reason(const std::string& scenario, const std::string& signature) const {
  std::string first;
  for (const auto& part : parts_of(signature)) {
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) {
      return any_matches(each.signatures, part) && any_matches(each.scenarios, scenario);
    });
    if (entry == entries_.end()) return "";
    if (first.empty()) first = entry->reason;
  }
  return first;
}

}  // namespace ovlcheck::generate
