#include "harness/case/kernel_code.h"

#include "harness/case/read.h"
#include "harness/case/schema.h"
#include "harness/case/schema_text.h"

namespace ovlcheck {

KernelCode read_kernel_code(const std::string& text, const std::string& file) {
  const Json document = parse_document(text, file);
  std::vector<Problem> problems = check_by(kernel_code_schema_text, document);
  for (Problem& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  KernelCode code;
  code.kernel = document.at("kernel");
  for (const Json& other : document.value("others", Json::array()))
    code.others.push_back(
        {other.at("suite"), other.at("how"), other.at("lines"), other.at("functions"), other.at("branches")});
  for (const Json& json : document.at("unreached"))
    code.unreached.push_back({.function = json.at("function"),
                              .code = json.value("code", std::vector<std::string>()),
                              .why = json.at("why")});
  return code;
}

KernelCode load_kernel_code(const std::string& file) {
  return read_kernel_code(read_text(file), file);
}

}  // namespace ovlcheck
