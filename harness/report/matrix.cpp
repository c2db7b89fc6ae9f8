#include "harness/report/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace ovlcheck {
namespace {

// Group -> number of its planned cases.
std::map<std::string, size_t> planned(const Run& run) {
  std::map<std::string, size_t> groups = run.suite.groups;
  std::map<std::string, std::set<std::string>> unplanned;  // a run that was merged or cut by hand
  for (const Outcome& outcome : run.outcomes) {
    const std::string group = group_of(outcome.case_name);
    if (run.suite.groups.count(group) == 0) unplanned[group].insert(outcome.case_name);
  }
  for (const auto& [group, cases] : unplanned) groups[group] = cases.size();
  return groups;
}

bool same_finding(const Outcome& a, const Outcome& b) {
  return a.case_name == b.case_name && a.verdict == b.verdict && a.reason == b.reason &&
         a.at_step == b.at_step && a.deviations == b.deviations;
}

}  // namespace

size_t Cell::percent() const {
  return none() ? 0 : pass * 100 / applicable;
}

Matrix matrix_of(const Run& run) {
  Matrix matrix;
  struct Counts {
    size_t passed = 0, skipped = 0, all = 0;
  };
  std::map<std::pair<std::string, std::string>, Counts> counts;
  for (const Outcome& outcome : run.outcomes) {
    Counts& of = counts[{group_of(outcome.case_name), outcome.subject}];
    ++of.all;
    if (outcome.verdict == Verdict::pass) ++of.passed;
    if (outcome.verdict == Verdict::skip) ++of.skipped;
  }
  matrix.totals.resize(run.subjects.size());
  for (const SubjectInfo& subject : run.subjects) matrix.subjects.push_back(subject.name);
  for (const auto& [group, cases] : planned(run)) {
    Matrix::Row row{group, cases, {}};
    for (size_t i = 0; i < run.subjects.size(); ++i) {
      Cell cell;
      if (run.subjects[i].missing.empty()) {
        const Counts& of = counts[{group, run.subjects[i].name}];
        const size_t all = std::max(cases, of.all);  // more than planned: every case was run several times
        cell = {of.passed, all - std::min(all, of.skipped)};
      }
      matrix.totals[i].pass += cell.pass;
      matrix.totals[i].applicable += cell.applicable;
      row.cells.push_back(cell);
    }
    matrix.rows.push_back(std::move(row));
  }
  return matrix;
}

std::vector<Finding> findings_of(const Run& run) {
  std::vector<const Outcome*> bad;
  for (const Outcome& outcome : run.outcomes)
    if (deviates(outcome) && !is_known(outcome)) bad.push_back(&outcome);
  std::stable_sort(bad.begin(), bad.end(),
                   [](const Outcome* a, const Outcome* b) { return a->case_name < b->case_name; });
  std::vector<Finding> findings;
  for (const Outcome* outcome : bad) {
    // Only findings of the same case can be equal, and they are the last ones.
    auto same = std::find_if(findings.rbegin(), findings.rend(), [outcome](const Finding& finding) {
      return same_finding(*finding.outcome, *outcome) || finding.outcome->case_name != outcome->case_name;
    });
    if (same != findings.rend() && same->outcome->case_name == outcome->case_name)
      same->subjects.push_back(outcome->subject);
    else
      findings.push_back({outcome, {outcome->subject}});
  }
  return findings;
}

std::string cell_text(const Cell& cell) {
  return cell.none() ? "-" : fmt::format("{}/{}", cell.pass, cell.applicable);
}

std::string table_of(const std::string& case_name) {
  return case_name.substr(0, case_name.find('['));
}

std::string group_of(const std::string& case_name) {
  return case_name.substr(0, case_name.find('/'));
}

std::string place_in_words(const std::string& where) {
  if (!where.starts_with("/steps/")) return where;
  std::string numbers;
  for (size_t start = 1; start < where.size();) {
    const size_t end = std::min(where.find('/', start), where.size());
    size_t index = 0;
    auto [stop, error] = std::from_chars(where.data() + start, where.data() + end, index);
    if (error == std::errc() && stop == where.data() + end)
      numbers += (numbers.empty() ? "" : ".") + std::to_string(index + 1);
    start = end + 1;
  }
  return numbers.empty() ? where : "step " + numbers;
}

}  // namespace ovlcheck
