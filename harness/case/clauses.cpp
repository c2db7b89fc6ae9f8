#include "harness/case/clauses.h"

#include <set>

#include "harness/case/read.h"
#include "harness/case/schema.h"

namespace ovlcheck {

std::vector<Clause> read_clauses(const std::string& text, const std::string& file) {
  const Json document = parse_document(text, file);
  std::vector<Problem> problems = check_clauses(document);
  std::vector<Clause> clauses;
  std::set<std::string> ids;
  if (problems.empty()) {
    for (const Json& json : document.at("clauses")) {
      Clause clause{.id = json.at("id"),
                    .group = json.at("group"),
                    .text = json.at("text"),
                    .source = json.at("source"),
                    .since = json.value("since", ""),
                    .untestable = json.value("untestable", "")};
      if (!ids.insert(clause.id).second)
        problems.push_back({.file = "",
                            .pointer = "/clauses/" + std::to_string(clauses.size()) + "/id",
                            .message = "there is already a clause \"" + clause.id + '"'});
      clauses.push_back(std::move(clause));
    }
  }
  for (Problem& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  return clauses;
}

std::vector<Clause> load_clauses(const std::string& file) {
  return read_clauses(read_text(file), file);
}

}  // namespace ovlcheck
