// The pages of kernel_code.h for readers of results/published.
#include <fmt/format.h>

#include <set>

#include "harness/report/kernel_figures.h"
#include "harness/report/xml.h"

namespace ovlcheck {
namespace {

constexpr size_t kLinkedCases = 12;  // of a function; the rest is a number

std::string percent(const Share& share) {
  return fmt::format("{:.1f} %", share.percent());
}

// Rows of both pages: what it is, then three cells.
template <class F>
void each_suite(const KernelCoverage& coverage, const KernelCode& code, F&& row) {
  const CodeFigures all = figures_of(coverage);
  row("ovlcheck", coverage.how, all.lines.percent(), all.functions.percent(), all.branches.percent());
  for (const SuiteFigures& other : code.others)
    row(other.suite, other.how, other.lines, other.functions, other.branches);
}

std::string subjects_of(const KernelCoverage& coverage) {
  std::string names;
  for (const auto& subject : coverage.subjects) names += (names.empty() ? "" : ", ") + subject;
  return names;
}

std::string share_cells(const CodeFigures& figures, const char* before, const char* after) {
  std::string cells;
  for (const Share* share : {&figures.lines, &figures.functions, &figures.branches})
    cells += fmt::format("{}{} ({}/{}){}", before, percent(*share), share->reached, share->all, after);
  return cells;
}

// Percent-encoded, as the addresses of cells in matrix.html are.
std::string address_of(const std::string& case_name) {
  std::string text = "matrix.html#case=";
  for (const char c : case_name) {
    const auto byte = static_cast<unsigned char>(c);
    text += (isalnum(byte) || c == '-' || c == '_' || c == '.') ? std::string(1, c)
                                                                : fmt::format("%{:02X}", byte);
  }
  return text;
}

std::string linked_cases(const CodeFunction& function) {
  std::string text;
  size_t shown = 0;
  for (const auto& name : function.cases) {
    if (shown++ == kLinkedCases) break;
    text += fmt::format("<a href=\"{}\">{}</a> ", xml_escaped(address_of(name)), xml_escaped(name));
  }
  if (function.cases.size() > kLinkedCases)
    text += fmt::format("and {} more", function.cases.size() - kLinkedCases);
  return text;
}

std::string function_html(const CodeFunction& function, const UnreachedFunction* unreached,
                          const std::map<std::string, const Case*>& cases) {
  CodeFigures figures;
  figures.add({"", {function}});
  std::string text = fmt::format(
      "<details><summary><code>{}</code> <span class=\"{}\">{} of {} lines, {} of {} branches, {} "
      "cases</span></summary>\n",
      xml_escaped(function.name), function.count ? "" : "none", figures.lines.reached, figures.lines.all,
      figures.branches.reached, figures.branches.all, function.cases.size());
  std::set<std::string> clauses;
  for (const auto& name : function.cases)
    if (const auto found = cases.find(name); found != cases.end())
      clauses.insert(found->second->clauses.begin(), found->second->clauses.end());
  if (!function.cases.empty()) text += "<p>" + linked_cases(function) + "</p>\n<p class=\"dim\">";
  for (const auto& clause : clauses) text += xml_escaped(clause) + " ";
  if (!function.cases.empty()) text += "</p>\n";
  if (unreached && !unreached->why.empty())
    text += "<p>Not entered: " + xml_escaped(unreached->why) + "</p>\n";
  if (unreached && !unreached->lines.empty()) {
    text += "<table>";
    for (const UnreachedLine& line : unreached->lines)
      text += fmt::format("<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                          line.line->number, xml_escaped(line.line->text),
                          line.line->count == 0 ? "not executed"
                                                : fmt::format("{} of {} branches not taken", line.branches(),
                                                              line.line->branches.size()),
                          xml_escaped(line.why));
    text += "</table>\n";
  }
  return text + "</details>\n";
}

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Code of Linux overlayfs that the cases execute</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0; } td, th { padding: .15rem .6rem; text-align: left; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } .dim, summary span { color: #777; } .none { color: #b3261e; }
details details { margin-left: 1rem; } code { font-size: .92em; }
</style></head><body>
<h1>Code of Linux overlayfs that the cases execute</h1>
)";

}  // namespace

std::string kernel_code_markdown(const KernelCoverage& coverage, const KernelCode& code) {
  std::string page = "# Code of Linux overlayfs that the cases execute\n\n" + code.kernel + "; counted on " +
                     subjects_of(coverage) +
                     ".\n\n| suite | how | lines | functions | branches |\n|---|---|---|---|---|\n";
  each_suite(
      coverage, code,
      [&](const std::string& suite, const std::string& how, double lines, double functions, double branches) {
        page += fmt::format("| {} | {} | {:.1f} % | {:.1f} % | {:.1f} % |\n", suite, how, lines, functions,
                            branches);
      });
  page += "\n| file | lines | functions | branches |\n|---|---|---|---|\n";
  for (const CodeFile& file : coverage.files) {
    CodeFigures figures;
    figures.add(file);
    page += "| " + file.name + " |" + share_cells(figures, " ", " |") + "\n";
  }
  page += "| all |" + share_cells(figures_of(coverage), " ", " |") + "\n\n";
  const auto unreached = unreached_code(coverage, code);
  page += explained_in_words(count_explained(unreached)) + "\n\n## Functions that no case enters\n\n";
  for (const UnreachedFunction& function : unreached)
    if (function.function->count == 0)
      page += fmt::format("- `{}` ({}): {}\n", function.function->name, function.file->name,
                          function.why.empty() ? "unexplained" : function.why);
  return page;
}

std::string kernel_code_html(const KernelCoverage& coverage, const KernelCode& code,
                             const std::vector<Case>& cases) {
  std::map<std::string, const Case*> by_name;
  for (const Case& c : cases) by_name[c.name()] = &c;
  const auto unreached = unreached_code(coverage, code);
  std::map<const CodeFunction*, const UnreachedFunction*> by_function;
  for (const UnreachedFunction& function : unreached) by_function[function.function] = &function;
  std::string page = kHead;
  page += "<p>" + xml_escaped(code.kernel) + "; counted on " + xml_escaped(subjects_of(coverage)) + ".</p>\n";
  page += "<table><tr><th>suite</th><th>how</th><th>lines</th><th>functions</th><th>branches</th></tr>\n";
  each_suite(
      coverage, code,
      [&](const std::string& suite, const std::string& how, double lines, double functions, double branches) {
        page += fmt::format(
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.1f} %</td><td class=\"n\">{:.1f} %</td><td "
            "class=\"n\">{:.1f} %</td></tr>\n",
            xml_escaped(suite), xml_escaped(how), lines, functions, branches);
      });
  page += "</table>\n<p>" + explained_in_words(count_explained(unreached)) + "</p>\n";
  page += "<table><tr><th>file</th><th>lines</th><th>functions</th><th>branches</th></tr>\n";
  for (const CodeFile& file : coverage.files) {
    CodeFigures figures;
    figures.add(file);
    page += fmt::format("<tr><td><a href=\"#{0}\">{0}</a></td>", xml_escaped(file.name)) +
            share_cells(figures, "<td class=\"n\">", "</td>") + "</tr>\n";
  }
  page +=
      "<tr><td>all</td>" + share_cells(figures_of(coverage), "<td class=\"n\">", "</td>") + "</tr></table>\n";
  for (const CodeFile& file : coverage.files) {
    page += fmt::format("<h2 id=\"{0}\">{0}</h2>\n", xml_escaped(file.name));
    for (const CodeFunction& function : file.functions) {
      const auto found = by_function.find(&function);
      page += function_html(function, found == by_function.end() ? nullptr : found->second, by_name);
    }
  }
  return page + "</body></html>\n";
}

}  // namespace ovlcheck
