#include "harness/report/terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

namespace ovlcheck {
namespace {

constexpr size_t kGap = 2;  // blanks between columns

enum class Colour { none, red, green, yellow, bold, dim };

std::string paint(const std::string& text, Colour colour, const TerminalStyle& style) {
  if (!style.colours || colour == Colour::none) return text;
  static const std::map<Colour, const char*> kCodes = {{Colour::red, "31"},
                                                       {Colour::green, "32"},
                                                       {Colour::yellow, "33"},
                                                       {Colour::bold, "1"},
                                                       {Colour::dim, "2"}};
  return fmt::format("\033[{}m{}\033[0m", kCodes.at(colour), text);
}

// A subject's name in the lines of a column's head: "kernel:", "index=on,", "metacopy=on".
std::vector<std::string> head_lines(const std::string& subject) {
  std::vector<std::string> lines(1);
  for (char c : subject) {
    lines.back() += c;
    if (c == ':' || c == ',') lines.emplace_back();
  }
  return lines;
}

Colour cell_colour(const Cell& cell) {
  if (cell.none()) return Colour::dim;
  return cell.perfect() ? Colour::green : Colour::red;
}

// One of the tables: subjects [first, last).
class Table {
 public:
  Table(const Matrix& matrix, size_t label_width, const TerminalStyle& style)
      : matrix_(matrix), style_(style), label_width_(label_width) {}

  static size_t width(const Matrix& matrix, size_t subject, size_t limit) {
    size_t width = cell_text(matrix.totals[subject]).size();
    for (const std::string& line : head_lines(matrix.subjects[subject])) width = std::max(width, line.size());
    return std::min(width, limit);
  }

  void add(size_t subject, size_t width) {
    subjects_.push_back(subject);
    widths_.push_back(width);
  }

  std::string text() const {
    std::string text = head();
    for (const Matrix::Row& row : matrix_.rows) text += cells(row.group, row.cells);
    size_t width = label_width_;
    for (size_t column : widths_) width += kGap + column;
    text += std::string(width, '-') + '\n' + cells("total", matrix_.totals);
    std::vector<std::string> percents;
    for (size_t subject : subjects_) {
      const Cell& total = matrix_.totals[subject];
      percents.push_back(total.none() ? "" : fmt::format("{}%", total.percent()));
    }
    return text + line("", percents);
  }

 private:
  std::string head() const {
    size_t height = 0;
    std::vector<std::vector<std::string>> heads;
    for (size_t subject : subjects_) {
      heads.push_back(head_lines(matrix_.subjects[subject]));
      height = std::max(height, heads.back().size());
    }
    std::string text;
    for (size_t i = 0; i < height; ++i) {
      std::vector<std::string> texts;
      for (const auto& lines : heads) {
        const size_t blank = height - lines.size();  // heads stand on the table
        texts.push_back(i < blank ? "" : lines[i - blank]);
      }
      text += line("", texts);
    }
    return text;
  }

  std::string cells(const std::string& label, const std::vector<Cell>& row) const {
    std::vector<std::string> texts;
    std::vector<Colour> colours;
    for (size_t subject : subjects_) {
      texts.push_back(cell_text(row[subject]));
      colours.push_back(cell_colour(row[subject]));
    }
    return line(label, texts, colours);
  }

  std::string line(const std::string& label, const std::vector<std::string>& texts,
                   const std::vector<Colour>& colours = {}) const {
    std::string text = fmt::format("{:<{}}", label.substr(0, label_width_), label_width_);
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string shown = texts[i].substr(0, widths_[i]);
      text += std::string(kGap + widths_[i] - shown.size(), ' ');
      text += paint(shown, colours.empty() ? Colour::none : colours[i], style_);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  }

  const Matrix& matrix_;
  const TerminalStyle& style_;
  const size_t label_width_;
  std::vector<size_t> subjects_, widths_;
};

void tell_tree(const std::vector<TreeDifference>& tree, const TerminalStyle& style, std::string& text) {
  for (const TreeDifference& difference : tree) {
    const bool whole = difference.what == "missing" || difference.what == "unexpected";
    const std::string what = whole ? "" : difference.what + " ";
    auto side = [&](char sign, const std::string& words, Colour colour) {
      if (words.empty()) return;
      text +=
          "    " + paint(fmt::format("{}{}  {}{}", sign, difference.path, what, words), colour, style) + '\n';
    };
    side('-', difference.expected, Colour::red);
    side('+', difference.observed, Colour::green);
  }
}

void tell_deviation(const Deviation& deviation, const TerminalStyle& style, std::string& text) {
  text += "  " + place_in_words(deviation.where);
  if (!deviation.step.empty()) text += ": " + deviation.step;
  text += '\n';
  if (!deviation.expected.empty()) text += "    expected  " + deviation.expected + '\n';
  if (!deviation.observed.empty()) text += "    observed  " + deviation.observed + '\n';
  tell_tree(deviation.tree, style, text);
}

std::string skips(const Run& run) {
  std::map<std::string, size_t> reasons;
  for (const Outcome& outcome : run.outcomes)
    if (outcome.verdict == Verdict::skip) ++reasons[outcome.subject + ": " + outcome.reason];
  std::string text;
  for (const SubjectInfo& subject : run.subjects)
    if (!subject.missing.empty()) text += fmt::format("not run  {}: {}\n", subject.name, subject.missing);
  for (const auto& [reason, count] : reasons) text += fmt::format("skipped  {}  ({})\n", reason, count);
  return text;
}

std::string counts(const Run& run) {
  std::map<Verdict, size_t> sums;
  size_t planned = 0;
  for (const SubjectInfo& subject : run.subjects)
    if (subject.missing.empty()) planned += run.suite.cases;
  size_t known = 0, fixed = 0;
  for (const Outcome& outcome : run.outcomes) {
    ++sums[outcome.verdict];
    known += is_known(outcome);
    fixed += is_fixed(outcome);
  }
  std::vector<std::string> parts;
  for (Verdict verdict : kVerdicts)
    if (sums[verdict] != 0 || verdict == Verdict::pass)
      parts.push_back(fmt::format("{} {}", sums[verdict], verdict_name(verdict)));
  if (known != 0) parts.push_back(fmt::format("{} of these deviations known", known));
  if (fixed != 0) parts.push_back(fmt::format("{} fixed", fixed));
  if (planned > run.outcomes.size())
    parts.push_back(fmt::format("{} not run", planned - run.outcomes.size()));
  return fmt::format("{} outcomes: {}\n", run.outcomes.size(), fmt::join(parts, ", "));
}

}  // namespace

std::string terminal_table(const Run& run, const TerminalStyle& style) {
  const Matrix matrix = matrix_of(run);
  size_t label_width = std::string_view("total").size();
  for (const Matrix::Row& row : matrix.rows) label_width = std::max(label_width, row.group.size());
  label_width = std::min(label_width, style.columns / 2);
  const size_t room = style.columns - label_width;
  std::string text;
  for (size_t subject = 0; subject < matrix.subjects.size();) {
    Table table(matrix, label_width, style);
    for (size_t used = 0; subject < matrix.subjects.size(); ++subject) {
      const size_t width = Table::width(matrix, subject, room - kGap);
      if (used != 0 && used + kGap + width > room) break;
      used += kGap + width;
      table.add(subject, width);
    }
    text += (text.empty() ? "" : "\n") + table.text();
  }
  return text;
}

std::string terminal_finding(const Finding& finding, const TerminalStyle& style) {
  const Outcome& outcome = *finding.outcome;
  std::string verdict = verdict_name(outcome.verdict);
  std::transform(verdict.begin(), verdict.end(), verdict.begin(), [](char c) { return c - 'a' + 'A'; });
  std::string text = paint(verdict, outcome.verdict == Verdict::fail ? Colour::red : Colour::yellow, style) +
                     ' ' + paint(outcome.case_name, Colour::bold, style) +
                     fmt::format("  on {}\n", fmt::join(finding.subjects, ", "));
  if (!outcome.title.empty() || !outcome.clauses.empty())
    text += fmt::format("  {} [{}]\n", outcome.title, fmt::join(outcome.clauses, ", "));
  if (!outcome.at_step.empty())
    text += fmt::format("  at {}: {}\n", place_in_words(outcome.at_step), outcome.step);
  if (!outcome.reason.empty()) text += "    " + outcome.reason + '\n';
  for (const Deviation& deviation : outcome.deviations) tell_deviation(deviation, style, text);
  return text;
}

std::string terminal_report(const Run& run, const TerminalStyle& style) {
  std::string text;
  for (const Finding& finding : findings_of(run)) text += terminal_finding(finding, style) + '\n';
  const std::string skipped = skips(run);
  if (!skipped.empty()) text += skipped + '\n';
  return text + terminal_table(run, style) + '\n' + counts(run);
}

}  // namespace ovlcheck
