// Clauses: the numbered statements of required behaviour that cases test.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

struct Clause {
  std::string id;          // "COPYUP-1"
  std::string group;       // of the cases that test it, for the reader's order
  std::string text;        // what is required
  std::string source;      // where it is written
  std::string since;       // kernel version that brought it, "" always there
  std::string untestable;  // why no case can test it, "" = one must
};

// All clauses of an index's text, checked against the schema, ids unique. Throws BadCase with every problem
// found.
std::vector<Clause> read_clauses(const std::string& text, const std::string& file);

// The same of a file. Throws BadCase also if it cannot be read.
std::vector<Clause> load_clauses(const std::string& file);

}  // namespace ovlcheck
