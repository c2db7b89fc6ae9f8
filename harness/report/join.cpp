#include "harness/report/join.h"

#include <algorithm>
#include <set>

#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

void add_cases(Casebook& all, const Casebook& more) {
  std::set<std::string> known;
  for (const auto& c : all.cases) known.insert(c.name);
  for (const auto& c : more.cases)
    if (!known.count(c.name)) all.cases.push_back(c);
  all.clauses.insert(more.clauses.begin(), more.clauses.end());
}

// The number of cases of a union is not the sum of theirs.
void count_suite(LabelledRun& joined) {
  std::set<std::string> names;
  for (const auto& c : joined.book.cases) names.insert(c.name);
  for (const auto& outcome : joined.run.outcomes) names.insert(outcome.case_name);
  joined.run.suite.groups.clear();
  for (const auto& name : names) ++joined.run.suite.groups[group_of(name)];
  joined.run.suite.cases = names.size();
}

// Labels that tell every run: those that several have get a number.
void number_labels(std::vector<LabelledRun>& runs) {
  std::map<std::string, int> uses, numbers;
  for (const auto& one : runs) ++uses[one.label];
  for (auto& one : runs)
    if (uses[one.label] > 1) one.label += "#" + std::to_string(++numbers[one.label]);
}

// Adds `value` to a list in words unless it is there already.
void mention(std::string& list, const std::string& value) {
  if (list == value || (", " + list + ", ").find(", " + value + ", ") != std::string::npos) return;
  list += ", " + value;
}

}  // namespace

LabelledRun join_runs(std::vector<LabelledRun> runs) {
  if (runs.size() == 1) return std::move(runs.front());
  number_labels(runs);
  std::map<std::string, int> uses;
  for (const auto& one : runs)
    for (const auto& subject : one.run.subjects) ++uses[subject.name];
  LabelledRun joined;
  joined.run.host = runs.front().run.host;
  joined.run.suite = runs.front().run.suite;
  for (auto& one : runs) {
    auto name = [&](const std::string& subject) {
      return uses[subject] > 1 ? subject + " (" + one.label + ")" : subject;
    };
    for (auto subject : one.run.subjects) {
      subject.name = name(subject.name);
      joined.run.subjects.push_back(std::move(subject));
    }
    for (auto& outcome : one.run.outcomes) {
      outcome.subject = name(outcome.subject);
      joined.run.outcomes.push_back(std::move(outcome));
    }
    mention(joined.run.host.kernel, one.run.host.kernel);
    mention(joined.run.host.machine, one.run.host.machine);
    mention(joined.run.host.date, one.run.host.date);
    if (one.run.suite != joined.run.suite) joined.run.suite.revision = "mixed";
    add_cases(joined.book, one.book);
  }
  if (joined.run.suite.revision == "mixed") count_suite(joined);
  return joined;
}

}  // namespace ovlcheck
