// repro_script: one case on one subject as a shell script that runs without ovlcheck.
#pragma once

#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "harness/case/case.h"
#include "harness/case/clauses.h"

namespace ovlcheck {

// The text of a POSIX shell script that builds the layers, mounts, performs the steps and compares; what it
// needs and how it ends: README.md in this folder. `clauses` gives the words of those that the case tests.
// Throws BadCase if the subject cannot run the case or a script cannot express it.
std::string repro_script(const Case& c, const SubjectName& subject, const std::vector<Clause>& clauses);

}  // namespace ovlcheck
