// Finding and parsing the JSON files of a folder of cases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/case/problem.h"

namespace ovlcheck {

// The case files at or below the paths (*.json, but not changes.json, clauses.json, errnos.json,
// kernel-code.json and schema/), sorted. A path that is no folder stands for itself. Throws BadCase.
std::vector<std::string> case_files(const std::vector<std::string>& paths);

// A file's bytes, cut off a little above the largest size that parse_document() takes. Throws BadCase.
std::string read_text(const std::string& file);

// Parses a text that may be anything: too large, nested too deeply, not JSON, with repeated members. Throws
// BadCase naming `file`, pointers and lines.
Json parse_document(const std::string& text, const std::string& file);

// Says what else is wrong with a case; pointers are in the expanded case.
using CaseCheck = std::function<std::vector<Problem>(const Case&)>;

// read_cases() that asks `check` about every case it could read, and tells where what it found was written.
std::vector<Case> read_cases(const std::string& text, const std::string& file, const CaseCheck& check);

}  // namespace ovlcheck
