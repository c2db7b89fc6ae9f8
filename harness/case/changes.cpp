#include "harness/case/changes.h"

#include "harness/case/read.h"
#include "harness/case/schema.h"
#include "harness/case/schema_text.h"

namespace ovlcheck {

std::vector<KernelChange> read_changes(const std::string& text, const std::string& file) {
  const Json document = parse_document(text, file);
  std::vector<Problem> problems = check_by(changes_schema_text, document);
  for (Problem& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  std::vector<KernelChange> all;
  for (const Json& json : document.at("changes"))
    all.push_back({.since = json.at("since"),
                   .change = json.at("change"),
                   .source = json.at("source"),
                   .privilege = json.value("privilege", ""),
                   .cases = json.value("cases", std::vector<std::string>{}),
                   .unshown = json.value("unshown", "")});
  return all;
}

std::vector<KernelChange> load_changes(const std::string& file) {
  return read_changes(read_text(file), file);
}

}  // namespace ovlcheck
