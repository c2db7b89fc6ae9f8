#include "harness/case/errnos.h"

#include "harness/case/read.h"
#include "harness/case/schema.h"
#include "harness/case/schema_text.h"
#include "harness/case/suggest.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

void check_names(const KnownErrno& known, const std::string& pointer, std::vector<Problem>& problems) {
  if (errno_number(known.error) == 0)
    problems.push_back(
        {.file = "",
         .pointer = pointer + "/errno",
         .message = "unknown errno \"" + known.error + '"' + did_you_mean(known.error, errno_names())});
  std::vector<std::string_view> operations;
  for (const Operation& operation : vocabulary()) operations.push_back(operation.name);
  for (size_t i = 0; i < known.operations.size(); ++i)
    if (!find_operation(known.operations[i]))
      problems.push_back({.file = "",
                          .pointer = pointer + "/operations/" + std::to_string(i),
                          .message = "unknown operation \"" + known.operations[i] + '"' +
                                     did_you_mean(known.operations[i], operations)});
}

}  // namespace

std::vector<KnownErrno> read_errnos(const std::string& text, const std::string& file) {
  const Json document = parse_document(text, file);
  std::vector<Problem> problems = check_by(errnos_schema_text, document);
  std::vector<KnownErrno> all;
  if (problems.empty())
    for (const Json& json : document.at("errnos")) {
      all.push_back({.operations = json.at("operations").get<std::vector<std::string>>(),
                     .error = json.at("errno"),
                     .source = json.at("source"),
                     .when = json.at("when"),
                     .explained = json.value("explained", "")});
      check_names(all.back(), "/errnos/" + std::to_string(all.size() - 1), problems);
    }
  for (Problem& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  return all;
}

std::vector<KnownErrno> load_errnos(const std::string& file) {
  return read_errnos(read_text(file), file);
}

}  // namespace ovlcheck
