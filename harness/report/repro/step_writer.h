// StepWriter: the steps of a case as calls of the functions in python/, which perform and judge them.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "harness/report/repro/repro_subject.h"

namespace ovlcheck {

// What the steps of one case are as a Python program.
struct WrittenSteps {
  std::string body;                              // of the function that does it all
  std::set<std::string> sections;                // of the library that it needs
  std::map<std::string, std::string> constants;  // name -> Python expression
};

// The directory of the case's lower layer `i`: "lower3", and "l3" where all names together would not fit into
// the page of options that mount(2) takes.
std::string lower_name(const Case& c, size_t i);

// Everything from the first mount to the verdict. Throws BadCase for what a script cannot do; docs:
// README.md in this folder.
WrittenSteps write_steps(const Case& c, const ReproSubject& subject);

}  // namespace ovlcheck
