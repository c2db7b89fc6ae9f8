#include "harness/report/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/case/pattern.h"
#include "harness/report/matrix.h"
#include "harness/report/releases.h"

namespace ovlcheck {
namespace {

// How many outcomes there are, skips apart, and how many of them passed.
struct Tally {
  size_t passed = 0, all = 0;
  bool none() const { return all == 0; }
  bool yes() const { return all > 0 && passed == all; }
  bool no() const { return all > 0 && passed == 0; }
  std::string text() const { return none() ? "-" : fmt::format("{}/{}", passed, all); }
};

// By release.
using Tallies = std::map<std::string, Tally>;

class Ranges {
 public:
  Ranges(const Run& freed, const Run& run, const std::vector<Case>& cases)
      : cases_(cases), releases_(releases_of(freed)) {
    add(freed);
    std::set<std::string> known;
    for (const auto& [name, outcomes] : outcomes_) known.insert(name);
    add(run, known);
  }

  std::string predictions(const std::vector<KernelChange>& changes) const {
    std::string text =
        "## Is it so?\n\nWhat is said to have changed, by the cases that can show it, run on every kernel "
        "without their "
        "version ranges: how many outcomes passed. Distributions carry fixes back: a kernel that has "
        "something already may have it from there.\n\n" +
        table_head("since | change | verdict", releases_);
    for (const KernelChange& change : changes) {
      const Tallies seen = outcomes_of(change);
      text += fmt::format("| {} | {} ({}) | {}", change.since, change.change, change.source,
                          change.unshown.empty() ? verdict(change, seen) : "not shown: " + change.unshown);
      for (const std::string& release : releases_) text += " | " + tally(seen, release).text();
      text += " |\n";
    }
    return text + "\n";
  }

  std::string ranges() const {
    std::map<std::pair<std::string, std::string>, Tallies> rows;  // case without its variant, range
    for (const Case& c : cases_)
      if (!c.requires_.kernel.empty()) count(c.name(), "", rows[{table_of(c.name()), c.requires_.kernel}]);
    std::string table, narrow, wrong;
    for (const auto& [row, seen] : rows) {
      const auto& [name, range] = row;
      if (std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one.second.none(); })) continue;
      table += fmt::format("| `{}` | {}", name, range);
      for (const std::string& release : releases_) {
        const Tally here = tally(seen, release);
        const bool inside = version_in_range(release, range);
        table += inside && !here.none() ? fmt::format(" | **{}**", here.text()) : " | " + here.text();
        const std::string remark = fmt::format("- `{}` ({}) on {}: {}\n", name, range, release, here.text());
        if (inside && !here.none() && !here.yes()) wrong += remark;
        if (!inside && here.yes()) narrow += remark;
      }
      table += " |\n";
    }
    return "## Are the ranges right?\n\nHow many outcomes of a case passed on each kernel, without its "
           "range; "
           "bold: within the range, where all must.\n\n" +
           table_head("case | range", releases_) + table + "\n" +
           (wrong.empty() ? "Within their ranges all pass.\n\n"
                          : "Within their ranges not all pass:\n\n" + wrong + "\n") +
           (narrow.empty()
                ? ""
                : "Outside their ranges all the same pass, because an older kernel was not at hand when "
                  "the range was written, or because one range was written for a whole group:\n\n" +
                      narrow + "\n");
  }

 private:
  void add(const Run& run, const std::set<std::string>& but = {}) {
    for (const SubjectInfo& subject : run.subjects) subjects_[subject.name] = &subject;
    for (const Outcome& outcome : run.outcomes)
      if (!located(outcome.subject).release.empty() && !but.contains(outcome.case_name))
        outcomes_[outcome.case_name].push_back(&outcome);
  }

  // Did something of that privilege run on that kernel?
  bool ran(const std::string& release, bool in_user_namespace) const {
    return std::any_of(subjects_.begin(), subjects_.end(), [&](const auto& subject) {
      const auto [of, place] = located(subject.first);
      return of == release && (place.find("/userns") != place.npos) == in_user_namespace &&
             subject.second->missing.empty();
    });
  }

  static Tally tally(const Tallies& all, const std::string& release) {
    const auto found = all.find(release);
    return found == all.end() ? Tally{} : found->second;
  }

  // Outcomes of a case. Where a privilege is asked for, a kernel on which nothing of that privilege could run
  // counts as one that cannot do it.
  void count(const std::string& case_name, const std::string& privilege, Tallies& into) const {
    const auto found = outcomes_.find(case_name);
    if (found == outcomes_.end()) return;
    for (const Outcome* outcome : found->second) {
      const auto [release, place] = located(outcome->subject);
      if (!privilege.empty() && (place.find("/userns") != place.npos) != (privilege == "userns")) continue;
      const bool missing = !subjects_.at(outcome->subject)->missing.empty();
      if (missing ? privilege.empty() || ran(release, privilege == "userns")
                  : outcome->verdict == Verdict::skip)
        continue;
      Tally& here = into[release];
      ++here.all;
      here.passed += outcome->verdict == Verdict::pass;
    }
  }

  Tallies outcomes_of(const KernelChange& change) const {
    Tallies all;
    for (const Case& c : cases_)
      if (std::any_of(change.cases.begin(), change.cases.end(),
                      [&](const auto& pattern) { return matches_case(pattern, c.name()); }))
        count(c.name(), change.privilege, all);
    return all;
  }

  std::string verdict(const KernelChange& change, const Tallies& seen) const {
    std::string before, after, against;
    for (const std::string& release : releases_) {
      const Tally here = tally(seen, release);
      if (here.none()) continue;
      const bool has = version_in_range(release, ">=" + change.since);
      if (!has && here.yes()) against += (against.empty() ? "" : ", ") + release + " has it already";
      if (has && !here.yes())
        against += (against.empty() ? "" : ", ") + release + " has it not, or not whole";
      if (!has && !here.yes()) before = release;
      if (has && here.yes() && after.empty()) after = release;
    }
    if (!against.empty()) return "**refuted**: " + against;
    if (before.empty() && after.empty()) return "not shown: no kernel ran these cases";
    if (before.empty()) return "on " + after + "; no kernel before it ran these cases";
    if (after.empty()) return "not yet on " + before + "; no later kernel ran these cases";
    return "confirmed: not on " + before + ", on " + after;
  }

  const std::vector<Case>& cases_;
  std::vector<std::string> releases_;
  std::map<std::string, const SubjectInfo*> subjects_;
  std::map<std::string, std::vector<const Outcome*>> outcomes_;  // by case
};

}  // namespace

std::string ranges_page(const Run& freed, const Run& run, const std::vector<Case>& cases,
                        const std::vector<KernelChange>& changes) {
  const Ranges ranges(freed, run, cases);
  return (changes.empty() ? "" : ranges.predictions(changes)) + ranges.ranges();
}

}  // namespace ovlcheck
