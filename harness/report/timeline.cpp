#include "harness/report/timeline.h"

#include <algorithm>
#include <map>
#include <set>

#include "harness/report/matrix.h"
#include "harness/report/releases.h"

namespace ovlcheck {
namespace {

// The reason without the kernel that it was seen on: columns are kernels.
std::string general_reason(const Outcome& outcome) {
  std::string reason = outcome.reason.substr(0, outcome.reason.find('\n'));
  reason = reason.substr(0, reason.find(", this is "));
  const std::string release = located(outcome.subject).release;
  for (size_t at; !release.empty() && (at = reason.find(" of Linux " + release)) != std::string::npos;)
    reason.erase(at, 10 + release.size());
  return reason;
}

// The version ranges that a case names anywhere.
void collect_ranges(const Json& node, std::set<std::string>& ranges) {
  if (node.is_object() && node.contains("kernel") && node["kernel"].is_string())
    ranges.insert(node["kernel"].get<std::string>());
  if (node.is_structured())
    for (const auto& inner : node) collect_ranges(inner, ranges);
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Outcomes by case, of the subjects that could run at all.
std::map<std::string, std::vector<const Outcome*>> outcomes_by_case(const Run& run) {
  std::set<std::string> missing;
  for (const auto& subject : run.subjects)
    if (!subject.missing.empty()) missing.insert(subject.name);
  std::map<std::string, std::vector<const Outcome*>> all;
  for (const auto& outcome : run.outcomes)
    if (!missing.contains(outcome.subject) && !located(outcome.subject).release.empty())
      all[outcome.case_name].push_back(&outcome);
  return all;
}

std::string missing_section(const Run& run) {
  std::string text;
  for (const auto& subject : run.subjects)
    if (!subject.missing.empty()) text += "- `" + subject.name + "`: " + subject.missing + "\n";
  return text.empty() ? "" : "## Could not run\n\n" + text + "\n";
}

std::string skips_section(const Run& run, const std::vector<std::string>& releases) {
  std::map<std::string, std::map<std::string, std::set<std::string>>> cases;  // reason, release, case
  for (const auto& [name, outcomes] : outcomes_by_case(run))
    for (const Outcome* outcome : outcomes)
      if (outcome->verdict == Verdict::skip)
        cases[general_reason(*outcome)][located(outcome->subject).release].insert(name);
  if (cases.empty()) return "";
  std::string text = "## Skipped cases by reason\n\n" + table_head("reason", releases);
  for (auto& [reason, by_release] : cases) {
    text += "| " + reason;
    for (const auto& release : releases) text += " | " + std::to_string(by_release[release].size());
    text += " |\n";
  }
  return text + "\n";
}

std::string case_row(const std::string& head, const std::vector<const Outcome*>& outcomes,
                     const std::vector<std::string>& releases) {
  std::map<std::string, std::set<std::string>> verdicts;
  for (const Outcome* outcome : outcomes)
    verdicts[located(outcome->subject).release].insert(std::string(verdict_name(outcome->verdict)));
  std::string row = "| " + head;
  for (const auto& release : releases) {
    auto& seen = verdicts[release];
    if (seen.size() > 1) seen.erase("skip");
    row += " | " + (seen.empty() ? "-" : joined(seen));
  }
  return row + " |\n";
}

bool has_deviated(const Outcome* outcome) {
  return outcome->verdict != Verdict::pass && outcome->verdict != Verdict::skip;
}

}  // namespace

bool TimelineRow::changes() const {
  return std::any_of(cells.begin(), cells.end(), [this](const auto& cell) {
    return cell.second->verdict != cells.front().second->verdict ||
           general_reason(*cell.second) != general_reason(*cells.front().second);
  });
}

std::vector<TimelineRow> timeline_of(const Run& run, const std::string& case_name) {
  std::vector<TimelineRow> rows;
  for (const auto& subject : run.subjects) {
    const auto [release, place] = located(subject.name);
    const auto outcome = std::find_if(run.outcomes.begin(), run.outcomes.end(), [&](const Outcome& one) {
      return one.subject == subject.name && one.case_name == case_name;
    });
    if (release.empty() || outcome == run.outcomes.end()) continue;
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& one) { return one.place == place; });
    if (row == rows.end()) row = rows.insert(rows.end(), {place, {}});
    row->cells.emplace_back(release, &*outcome);
  }
  for (auto& row : rows)
    std::sort(row.cells.begin(), row.cells.end(),
              [](const auto& a, const auto& b) { return older(a.first, b.first); });
  return rows;
}

std::string timeline_text(const Run& run, const std::string& case_name) {
  const auto rows = timeline_of(run, case_name);
  size_t width = 0;
  for (const auto& row : rows)
    for (const auto& cell : row.cells) width = std::max(width, cell.first.size());
  std::string text = case_name + "\n";
  for (const auto& row : rows) {
    text += row.place + (row.changes() ? "  (changes)" : "") + "\n";
    for (const auto& [release, outcome] : row.cells) {
      text += "  " + release + std::string(width - release.size() + 2, ' ') +
              std::string(verdict_name(outcome->verdict));
      if (!outcome->reason.empty()) text += "  " + outcome->reason.substr(0, outcome->reason.find('\n'));
      if (!outcome->deviations.empty())
        text += "  " + outcome->deviations.front().where + ": expected " +
                outcome->deviations.front().expected + ", observed " + outcome->deviations.front().observed;
      text += "\n";
    }
  }
  return text;
}

std::string changes_page(const Run& run, const std::vector<Case>& cases) {
  const auto releases = releases_of(run);
  const auto outcomes = outcomes_by_case(run);
  std::string ranged, deviating;
  std::vector<std::string> heads;                              // of rows, in order
  std::map<std::string, std::vector<const Outcome*>> by_head;  // variants of one case together
  for (const auto& c : cases) {
    const auto found = outcomes.find(c.name());
    if (found == outcomes.end()) continue;
    std::set<std::string> ranges;
    collect_ranges(c.json, ranges);
    if (!ranges.empty()) {
      const std::string head = "`" + table_of(c.name()) + "` " + c.title + " | " + joined(ranges);
      auto& row = by_head[head];
      if (row.empty()) heads.push_back(head);
      row.insert(row.end(), found->second.begin(), found->second.end());
    }
    if (std::any_of(found->second.begin(), found->second.end(), has_deviated))
      deviating += case_row("`" + c.name() + "` " + c.title, found->second, releases);
  }
  for (const auto& head : heads) ranged += case_row(head, by_head[head], releases);
  std::string text =
      "# What changed between kernels\n\nMade from one run by `ovlcheck timeline`: suite revision `" +
      run.suite.revision + "`, " + std::to_string(run.suite.cases) + " cases on " +
      std::to_string(run.subjects.size()) + " subjects, " + run.host.date + ".\n\n";
  text += missing_section(run);
  if (!ranged.empty())
    text +=
        "## Cases that name kernel versions\n\nA cell has the outcomes at all places (file systems, "
        "privileges); "
        "skips count only where nothing else is.\n\n" +
        table_head("case | versions", releases) + ranged + "\n";
  text += skips_section(run, releases);
  text += deviating.empty() ? "No outcome deviates on any kernel.\n"
                            : "## Deviations\n\n" + table_head("case", releases) + deviating;
  return text;
}

}  // namespace ovlcheck
