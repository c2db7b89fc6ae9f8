// Casebook: the cases of a run as reports tell them, stored beside its results (cases.json).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

struct CaseText {
  std::string name, title;
  std::vector<std::string> clauses;
  std::string words;  // the case as a person would tell it
  Json json;          // the expanded case
};

struct Casebook {
  std::vector<CaseText> cases;
  std::map<std::string, std::string> clauses;  // id -> text, as far as known
};

// `clauses` is a clause index file, "" = none.
Casebook casebook_of(const std::vector<Case>& cases, const std::filesystem::path& clauses);

// Throws std::system_error.
void write_casebook(const std::filesystem::path& path, const Casebook& book);

// Of the run folder `path`, or beside a results.json; empty where a run has none. Throws BadCase on bad
// content.
Casebook read_casebook(const std::filesystem::path& path);

}  // namespace ovlcheck
