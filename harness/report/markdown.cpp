#include "harness/report/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

// Text that Markdown shall show as it is.
std::string escape(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '<')
      escaped += "&lt;";
    else if (c == '\n')
      escaped += ' ';
    else if (std::string_view("\\`*_[]|").find(c) != std::string_view::npos)
      escaped += {'\\', c};
    else
      escaped += c;
  }
  return escaped;
}

// A code span; its fence is longer than any run of backticks inside.
std::string code(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  size_t longest = 0, current = 0;
  for (char c : text) longest = std::max(longest, current = c == '`' ? current + 1 : 0);
  const std::string fence(longest + 1, '`');
  return longest == 0 ? fence + text + fence : fence + ' ' + text + ' ' + fence;
}

std::string difference_in_words(const TreeDifference& difference) {
  const std::string path = code(difference.path);
  if (difference.what == "missing") return fmt::format("{} is missing ({})", path, code(difference.expected));
  if (difference.what == "unexpected")
    return fmt::format("{} must not be there ({})", path, code(difference.observed));
  std::string words = fmt::format("{}: {} is {}", path, escape(difference.what), code(difference.observed));
  if (!difference.expected.empty()) words += ", must be " + code(difference.expected);
  return words;
}

std::string deviation_in_words(const Deviation& deviation) {
  std::string words = place_in_words(deviation.where);
  if (!deviation.step.empty()) words += ' ' + code(deviation.step);
  std::vector<std::string> parts;
  if (!deviation.expected.empty()) parts.push_back("expected " + code(deviation.expected));
  if (!deviation.observed.empty()) parts.push_back("observed " + code(deviation.observed));
  const size_t shown = std::min<size_t>(deviation.tree.size(), 4);
  for (size_t i = 0; i < shown; ++i) parts.push_back(difference_in_words(deviation.tree[i]));
  if (shown < deviation.tree.size())
    parts.push_back(fmt::format("{} more differences", deviation.tree.size() - shown));
  return fmt::format("{}: {}", words, fmt::join(parts, ", "));
}

// The first names, and how many more there are.
std::string some_of(const std::vector<std::string>& names, size_t most) {
  const size_t shown = std::min(names.size(), most);
  std::string words = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) words += fmt::format(" and {} more", names.size() - shown);
  return words;
}

// The variants of one case that deviate, e.g. "`copy-up/data`: `[write]`, `[append]`".
std::string names_in_words(const std::vector<const Outcome*>& variants) {
  if (variants.size() == 1) return code(variants[0]->case_name);
  std::vector<std::string> names;
  for (const Outcome* outcome : variants)
    names.push_back(code(outcome->case_name.substr(table_of(outcome->case_name).size())));
  return code(table_of(variants[0]->case_name)) + ": " + some_of(names, 8);
}

// What a baseline lists, by reason: which cases, without their variants.
std::string known_in_words(const std::string& reason, const std::vector<const Outcome*>& outcomes) {
  std::vector<std::string> names;
  for (const Outcome* outcome : outcomes)
    if (auto name = code(table_of(outcome->case_name)); names.empty() || names.back() != name)
      names.push_back(std::move(name));
  return fmt::format("    - known ({}): {} {}\n", outcomes.size(), escape(reason), some_of(names, 12));
}

// What is wrong in variants of one case. All of them are named, the first is told in full.
std::string finding_in_words(const std::vector<const Outcome*>& variants) {
  const Outcome& outcome = *variants[0];
  std::string words = names_in_words(variants);
  if (!outcome.title.empty()) words += ' ' + escape(outcome.title);
  if (!outcome.clauses.empty())
    words += fmt::format(" ({})", escape(fmt::format("{}", fmt::join(outcome.clauses, ", "))));
  if (outcome.verdict != Verdict::fail) {
    words += fmt::format(": {}", verdict_name(outcome.verdict));
    if (!outcome.at_step.empty())
      words += fmt::format(" at {} {}", place_in_words(outcome.at_step), code(outcome.step));
    if (!outcome.reason.empty()) words += ", " + escape(outcome.reason);
  }
  std::string text = "    - " + words + '\n';
  for (const Deviation& deviation : outcome.deviations)
    text += "        - " + deviation_in_words(deviation) + '\n';
  return text;
}

// Collects the footnotes while cells are written.
class Footnotes {
 public:
  explicit Footnotes(const Run& run) {
    for (const Outcome& outcome : run.outcomes)
      if (outcome.verdict != Verdict::pass && outcome.verdict != Verdict::skip)
        bad_[{group_of(outcome.case_name), outcome.subject}].push_back(&outcome);
  }

  // The mark of a cell's footnote, "" if nothing deviates there.
  std::string mark(const std::string& group, const std::string& subject) {
    auto it = bad_.find({group, subject});
    if (it == bad_.end()) return "";
    std::stable_sort(it->second.begin(), it->second.end(),
                     [](const Outcome* a, const Outcome* b) { return a->case_name < b->case_name; });
    text_ += fmt::format("\n[^{}]: {} on {}:\n\n", ++count_, escape(group), escape(subject));
    std::map<std::pair<std::string, Verdict>, std::vector<const Outcome*>> tables;
    std::map<std::string, std::vector<const Outcome*>> known;
    for (const Outcome* outcome : it->second)
      (is_known(*outcome) ? known[outcome->listed] : tables[{table_of(outcome->case_name), outcome->verdict}])
          .push_back(outcome);
    for (const auto& [table, variants] : tables) text_ += finding_in_words(variants);
    for (const auto& [reason, outcomes] : known) text_ += known_in_words(reason, outcomes);
    return fmt::format("[^{}]", count_);
  }

  const std::string& text() const { return text_; }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<const Outcome*>> bad_;
  std::string text_;
  size_t count_ = 0;
};

std::string heading(const Run& run) {
  std::string text = fmt::format(
      "Linux {} on {}, {} CPUs, {}; {} cases, suite revision {}. A cell says how many of the cases that "
      "apply passed.\n\n",
      escape(run.host.kernel), escape(run.host.machine), run.host.cpus, run.host.date, run.suite.cases,
      code(run.suite.revision));
  for (const SubjectInfo& subject : run.subjects) {
    text += "- " + code(subject.name);
    if (!subject.missing.empty()) {
      text += " did not run: " + escape(subject.missing);
    } else {
      if (!subject.version.empty()) text += ' ' + escape(subject.version);
      text += fmt::format(", privilege {}, on {}", escape(subject.privilege), escape(subject.fs));
    }
    text += '\n';
  }
  return text + '\n';
}

}  // namespace

std::string markdown_report(const Run& run) {
  const Matrix matrix = matrix_of(run);
  Footnotes footnotes(run);
  std::string text = heading(run) + "| group |";
  for (const std::string& subject : matrix.subjects) text += ' ' + escape(subject) + " |";
  text += "\n|---|";
  for (size_t i = 0; i < matrix.subjects.size(); ++i) text += "---:|";
  text += '\n';
  for (const Matrix::Row& row : matrix.rows) {
    text += "| " + escape(row.group) + " |";
    for (size_t i = 0; i < row.cells.size(); ++i)
      text += ' ' + cell_text(row.cells[i]) + footnotes.mark(row.group, matrix.subjects[i]) + " |";
    text += '\n';
  }
  text += "| **total** |";
  for (const Cell& total : matrix.totals)
    text += total.none() ? " - |" : fmt::format(" **{} ({}%)** |", cell_text(total), total.percent());
  return text + '\n' + footnotes.text();
}

}  // namespace ovlcheck
