#include "harness/report/clause_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/case/layout.h"
#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

constexpr size_t kText = 2, kBelow = 6;  // columns

class Page {
 public:
  Page(const std::vector<Case>& cases, const Run& run) : run_(run) {
    for (const Case& c : cases)
      for (const auto& clause : c.clauses) cases_[clause].push_back(c.name());
    for (const Outcome& outcome : run.outcomes) outcomes_[{outcome.subject, outcome.case_name}] = &outcome;
  }

  std::string print(const std::vector<Clause>& clauses) {
    std::string group;
    size_t covered = 0;
    for (const Clause& clause : clauses) {
      if (clause.group != std::exchange(group, clause.group)) page_ += "\n" + group + "\n";
      print(clause);
      covered += cases_.contains(clause.id);
    }
    const size_t untestable = static_cast<size_t>(std::count_if(
        clauses.begin(), clauses.end(), [](const Clause& clause) { return !clause.untestable.empty(); }));
    page_ += fmt::format("\n{} clauses: {} covered, {} explained\n", clauses.size(), covered, untestable);
    return page_.substr(page_.starts_with('\n') ? 1 : 0);
  }

 private:
  void line(const std::string& text) { append_wrapped(page_, kBelow, text, 2); }

  void print(const Clause& clause) {
    append_wrapped(page_, kText, clause.id + "  " + clause.text, kBelow - kText);
    line("source: " + clause.source + (clause.since.empty() ? "" : "; since Linux " + clause.since));
    if (!clause.untestable.empty()) line("not tested: " + clause.untestable);
    const auto found = cases_.find(clause.id);
    if (found == cases_.end()) return;
    line("cases: " + names(found->second));
    std::string scores;
    for (const auto& subject : run_.subjects)
      if (subject.missing.empty())
        scores +=
            (scores.empty() ? "" : "  ") + subject.name + " " + cell_text(score(subject.name, found->second));
    if (!scores.empty()) line(scores);
  }

  // "a/b, a/c (4)": tables by their name before the bracket.
  static std::string names(const std::vector<std::string>& cases) {
    std::map<std::string, size_t> counts;
    for (const auto& name : cases) ++counts[table_of(name)];
    std::string all;
    for (const auto& [name, count] : counts)
      all += (all.empty() ? "" : ", ") + name + (count > 1 ? fmt::format(" ({})", count) : "");
    return all;
  }

  Cell score(const std::string& subject, const std::vector<std::string>& cases) const {
    Cell cell;
    for (const auto& name : cases) {
      const auto found = outcomes_.find({subject, name});
      if (found != outcomes_.end() && found->second->verdict == Verdict::skip) continue;
      ++cell.applicable;
      cell.pass += found != outcomes_.end() && found->second->verdict == Verdict::pass;
    }
    return cell;
  }

  const Run& run_;
  std::map<std::string, std::vector<std::string>> cases_;  // by clause
  std::map<std::pair<std::string, std::string>, const Outcome*> outcomes_;
  std::string page_;
};

}  // namespace

std::string clause_page(const std::vector<Clause>& clauses, const std::vector<Case>& cases, const Run& run) {
  return Page(cases, run).print(clauses);
}

}  // namespace ovlcheck
