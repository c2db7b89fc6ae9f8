#include "harness/report/kernel_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "harness/case/layout.h"
#include "harness/report/kernel_figures.h"

namespace ovlcheck {
namespace {

bool is_whole(const CodeLine& line) {
  return line.count > 0 && std::count(line.branches.begin(), line.branches.end(), 0u) == 0;
}

bool names_line(const UnreachedCode& entry, const CodeLine& line) {
  return std::find(entry.code.begin(), entry.code.end(), line.text) != entry.code.end();
}

std::string reason(const KernelCode& code, const CodeFunction& function, const CodeLine* line) {
  for (const UnreachedCode& entry : code.unreached)
    if (entry.function == function.name && (line ? names_line(entry, *line) : entry.code.empty()))
      return entry.why;
  return "";
}

std::string in_words(const UnreachedLine& unreached) {
  const CodeLine& line = *unreached.line;
  const std::string what =
      line.count == 0 ? "" : fmt::format("{} of {} branches of ", unreached.branches(), line.branches.size());
  return fmt::format("{}: {}{}{}", line.number, what, line.text,
                     unreached.why.empty() ? "" : "  -- " + unreached.why);
}

void append_function(const UnreachedFunction& unreached, std::string& page) {
  const std::string place =
      fmt::format("{} {}:{}", unreached.function->name, unreached.file->name, unreached.function->line);
  if (unreached.function->count == 0)
    return append_wrapped(
        page, 0, place + ": not entered: " + (unreached.why.empty() ? "UNEXPLAINED" : unreached.why));
  append_wrapped(page, 0, place);
  for (const UnreachedLine& line : unreached.lines) append_wrapped(page, 2, in_words(line));
}

}  // namespace

size_t UnreachedLine::branches() const {
  return line->count == 0 ? 0
                          : static_cast<size_t>(std::count(line->branches.begin(), line->branches.end(), 0u));
}

std::vector<UnreachedFunction> unreached_code(const KernelCoverage& coverage, const KernelCode& code) {
  std::vector<UnreachedFunction> all;
  for (const CodeFile& file : coverage.files)
    for (const CodeFunction& function : file.functions) {
      UnreachedFunction unreached{&file, &function, "", {}};
      if (function.count == 0) unreached.why = reason(code, function, nullptr);
      for (const CodeLine& line : function.lines)
        if (!is_whole(line))
          unreached.lines.push_back(
              {&line, function.count == 0 ? unreached.why : reason(code, function, &line)});
      if (function.count == 0 || !unreached.lines.empty()) all.push_back(std::move(unreached));
    }
  return all;
}

std::vector<std::string> wrong_explanations(const KernelCoverage& coverage, const KernelCode& code) {
  std::vector<std::string> wrong;
  std::map<std::string, const CodeFunction*> functions;
  for (const CodeFile& file : coverage.files)
    for (const CodeFunction& function : file.functions) functions[function.name] = &function;
  for (const UnreachedCode& entry : code.unreached) {
    const auto found = functions.find(entry.function);
    if (found == functions.end()) {
      wrong.push_back(entry.function + " is explained, but there is no such function");
      continue;
    }
    if (entry.code.empty() && found->second->count > 0)
      wrong.push_back(
          entry.function + " is explained as not entered, but " +
          (found->second->cases.empty() ? "it is" : *found->second->cases.begin() + " enters it"));
    for (const std::string& text : entry.code) {
      bool there = false, whole = true;
      for (const CodeLine& line : found->second->lines)
        if (line.text == text) there = true, whole = whole && is_whole(line);
      if (!there)
        wrong.push_back(fmt::format("{} has no line \"{}\", which is explained", entry.function, text));
      else if (whole)
        wrong.push_back(
            fmt::format("{}: \"{}\" is explained as not executed, but it is, with all its branches",
                        entry.function, text));
    }
  }
  return wrong;
}

std::string kernel_code_text(const KernelCoverage& coverage, const KernelCode& code) {
  std::string page =
      fmt::format("{:14}{:>20}{:>20}{:>20}\n", "fs/overlayfs", "lines", "functions", "branches");
  CodeFigures all;
  for (const CodeFile& file : coverage.files) {
    CodeFigures figures;
    figures.add(file);
    all.add(file);
    page += figures_row(file.name, figures);
  }
  page += figures_row("all", all);
  page += "\nNot executed, or a branch of it not taken\n";
  const auto unreached = unreached_code(coverage, code);
  for (const UnreachedFunction& function : unreached) append_function(function, page);
  const Explained explained = count_explained(unreached);
  page += "\n" + explained_in_words(explained) + "\n";
  return page;
}

std::string kernel_function_text(const KernelCoverage& coverage, const std::string& function,
                                 const std::vector<Case>& cases) {
  for (const CodeFile& file : coverage.files)
    for (const CodeFunction& found : file.functions) {
      if (found.name != function) continue;
      std::string page = fmt::format("{} {}:{}: entered by {} cases\n", found.name, file.name, found.line,
                                     found.cases.size());
      std::set<std::string> clauses;
      for (const Case& c : cases)
        if (found.cases.contains(c.name())) clauses.insert(c.clauses.begin(), c.clauses.end());
      std::string names;
      for (const auto& clause : clauses) names += (names.empty() ? "" : ", ") + clause;
      append_wrapped(page, 2, "clauses: " + (names.empty() ? "none" : names));
      for (const auto& name : found.cases) page += "  " + name + "\n";
      return page;
    }
  throw std::invalid_argument("fs/overlayfs has no function \"" + function + "\" that was counted");
}

}  // namespace ovlcheck
