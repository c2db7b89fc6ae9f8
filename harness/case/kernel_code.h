// KernelCode: which code of Linux overlayfs no case executes, and why; and how much other suites do.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

struct UnreachedCode {
  std::string function;
  // Lines of source without blanks around, every one in that function; empty = all of the function. Something
  // of each is not executed: the line, or a branch of it.
  std::vector<std::string> code;
  std::string why;
};

// Per cent of the lines, functions and branches of fs/overlayfs that a suite executes.
struct SuiteFigures {
  std::string suite, how;
  double lines = 0, functions = 0, branches = 0;
};

struct KernelCode {
  std::string kernel;  // whose code
  std::vector<SuiteFigures> others;
  std::vector<UnreachedCode> unreached;
};

// All of an index's text, checked against the schema. Throws BadCase with every problem found.
KernelCode read_kernel_code(const std::string& text, const std::string& file);

// The same of a file. Throws BadCase also if it cannot be read.
KernelCode load_kernel_code(const std::string& file);

}  // namespace ovlcheck
