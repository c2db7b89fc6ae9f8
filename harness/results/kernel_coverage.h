// KernelCoverage: which of the kernel's code was executed, and by which cases - a folder of counters, read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace ovlcheck {

struct CodeLine {
  unsigned number = 0;
  std::string text;  // without blanks around; "" if the source is not there
  uint64_t count = 0;
  std::vector<uint64_t> branches;  // how often each was taken
};

struct CodeFunction {
  std::string name;
  unsigned line = 0;
  uint64_t count = 0;
  std::vector<CodeLine> lines;  // that have code
  std::set<std::string> cases;  // that entered it
};

struct CodeFile {
  std::string name;  // "copy_up.c"
  std::vector<CodeFunction> functions;
};

struct KernelCoverage {
  std::string how = "the cases";  // it was come by
  std::set<std::string> subjects;
  std::vector<CodeFile> files;
};

// How much of something was executed.
struct Share {
  size_t reached = 0, all = 0;
  double percent() const {
    return all == 0 ? 100 : 100 * static_cast<double>(reached) / static_cast<double>(all);
  }
};

struct CodeFigures {
  Share lines, functions, branches;
  void add(const CodeFile& file);
};

// The tracefile of lcov (geninfo(1)) `coverage.info` in `folder`, its reached.json (KernelCounters) and the
// sources in `folder`/source. Only the files that are there count: headers do not. Throws std::runtime_error.
KernelCoverage read_kernel_coverage(const std::filesystem::path& folder);

// Adds what was executed another time of the same code; the cases stay those of `coverage`. Throws
// std::invalid_argument if it is other code.
void add_counts(KernelCoverage& coverage, const KernelCoverage& more);

CodeFigures figures_of(const KernelCoverage& coverage);

}  // namespace ovlcheck
