// What of the kernel's code the cases execute, as pages; and whether what they do not is explained.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/case/kernel_code.h"
#include "harness/results/kernel_coverage.h"

namespace ovlcheck {

// One line that is not executed in full.
struct UnreachedLine {
  const CodeLine* line = nullptr;
  std::string why;          // "" = nobody says
  size_t branches() const;  // of its own that are not taken, where it is executed at all
};

struct UnreachedFunction {
  const CodeFile* file = nullptr;
  const CodeFunction* function = nullptr;
  std::string why;  // of a function that is not entered; "" = nobody says, or it is entered
  std::vector<UnreachedLine> lines;
};

// Every function that is not executed in full, in the order of the files.
std::vector<UnreachedFunction> unreached_code(const KernelCoverage& coverage, const KernelCode& code);

// What `code` explains although it is executed, or is not there: one sentence each.
std::vector<std::string> wrong_explanations(const KernelCoverage& coverage, const KernelCode& code);

// Pages. `cases` tell the clauses of a case.
std::string kernel_code_text(const KernelCoverage& coverage, const KernelCode& code);
std::string kernel_code_markdown(const KernelCoverage& coverage, const KernelCode& code);
std::string kernel_code_html(const KernelCoverage& coverage, const KernelCode& code,
                             const std::vector<Case>& cases);

// The cases and clauses that enter one function. Throws std::invalid_argument if there is no such function.
std::string kernel_function_text(const KernelCoverage& coverage, const std::string& function,
                                 const std::vector<Case>& cases);

}  // namespace ovlcheck
