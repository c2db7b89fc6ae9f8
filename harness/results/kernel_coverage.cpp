#include "harness/results/kernel_coverage.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>

#include "harness/case/json.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
  const size_t start = text.find_first_not_of(" \t\r");
  return start == text.npos ? "" : text.substr(start, text.find_last_not_of(" \t\r") + 1 - start);
}

// Line by line, without the blanks around.
std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(trimmed(line));
  return lines;
}

// The numbers of "12,0,3,-"; what is none is zero: a branch that was never come to.
std::vector<uint64_t> numbers_of(std::string_view text) {
  std::vector<uint64_t> numbers;
  while (true) {
    const std::string_view word = text.substr(0, text.find(','));
    uint64_t number = 0;
    (void)std::from_chars(word.data(), word.data() + word.size(), number);
    numbers.push_back(number);
    if (word.size() == text.size()) return numbers;
    text.remove_prefix(word.size() + 1);
  }
}

// One source file of a tracefile.
struct Record {
  std::string name;
  std::map<std::string, CodeFunction> functions;
  std::map<unsigned, CodeLine> lines;

  void take(const std::string& line) {
    const size_t colon = line.find(':');
    if (colon == line.npos) return;
    const std::string kind = line.substr(0, colon), rest = line.substr(colon + 1);
    if (kind == "SF") name = fs::path(rest).filename();
    if (kind != "FN" && kind != "FNDA" && kind != "DA" && kind != "BRDA") return;
    const auto numbers = numbers_of(rest);
    if (kind == "FN") functions[rest.substr(rest.find(',') + 1)].line = static_cast<unsigned>(numbers[0]);
    if (kind == "FNDA") functions[rest.substr(rest.find(',') + 1)].count = numbers[0];
    if (kind == "DA") lines[static_cast<unsigned>(numbers[0])].count = numbers.at(1);
    if (kind == "BRDA") lines[static_cast<unsigned>(numbers[0])].branches.push_back(numbers.at(3));
  }

  // Every line belongs to the last function that starts before it; the compiler does not name those that it
  // puts into all their callers.
  CodeFile file(const std::vector<std::string>& source) {
    std::map<unsigned, CodeFunction> by_line;
    for (auto& [function_name, function] : functions) {
      function.name = function_name;
      by_line[function.line] = std::move(function);
    }
    if (by_line.empty()) by_line[0];
    for (auto& [number, line] : lines) {
      auto function = by_line.upper_bound(number);
      line.number = number;
      if (number <= source.size()) line.text = source[number - 1];
      if (function != by_line.begin()) --function;
      function->second.lines.push_back(std::move(line));
    }
    CodeFile all{name, {}};
    for (auto& [number, function] : by_line) all.functions.push_back(std::move(function));
    return all;
  }
};

std::vector<CodeFile> read_tracefile(const fs::path& folder) {
  std::vector<CodeFile> files;
  std::optional<Record> record;
  for (const std::string& line : read_lines(folder / "coverage.info")) {
    if (!record) record.emplace();
    if (line != "end_of_record") {
      record->take(line);
      continue;
    }
    if (const fs::path source = folder / "source" / record->name; fs::exists(source))
      files.push_back(record->file(read_lines(source)));
    record.reset();
  }
  return files;
}

}  // namespace

void CodeFigures::add(const CodeFile& file) {
  for (const CodeFunction& function : file.functions) {
    ++functions.all;
    functions.reached += function.count > 0;
    for (const CodeLine& line : function.lines) {
      ++lines.all;
      lines.reached += line.count > 0;
      branches.all += line.branches.size();
      for (const uint64_t taken : line.branches) branches.reached += taken > 0;
    }
  }
}

KernelCoverage read_kernel_coverage(const fs::path& folder) {
  KernelCoverage coverage;
  coverage.files = read_tracefile(folder);
  if (coverage.files.empty())
    throw std::runtime_error((folder / "coverage.info").string() + " tells of no file in " +
                             (folder / "source").string());
  std::ifstream in(folder / "reached.json");
  const Json reached = Json::parse(in, nullptr, false);
  if (!reached.is_object()) throw std::runtime_error((folder / "reached.json").string() + " cannot be read");
  coverage.subjects = reached.at("subjects").get<std::set<std::string>>();
  std::map<std::pair<std::string, std::string>, const Json*> known;
  for (const Json& function : reached.at("functions"))
    known[{fs::path(function.at("source").get<std::string>()).filename(), function.at("name")}] =
        &function.at("cases");
  for (CodeFile& file : coverage.files)
    for (CodeFunction& function : file.functions)
      if (const auto found = known.find({file.name, function.name}); found != known.end())
        for (const Json& number : *found->second)
          function.cases.insert(reached.at("cases").at(number.get<size_t>()).get<std::string>());
  return coverage;
}

void add_counts(KernelCoverage& coverage, const KernelCoverage& more) {
  std::map<std::pair<std::string, std::string>, const CodeFunction*> others;
  for (const CodeFile& file : more.files)
    for (const CodeFunction& function : file.functions) others[{file.name, function.name}] = &function;
  for (CodeFile& file : coverage.files)
    for (CodeFunction& function : file.functions) {
      const auto other = others.find({file.name, function.name});
      if (other == others.end() || other->second->lines.size() != function.lines.size())
        throw std::invalid_argument("the counters are of different code: " + function.name + " of " +
                                    file.name);
      function.count += other->second->count;
      for (size_t i = 0; i < function.lines.size(); ++i) {
        CodeLine& line = function.lines[i];
        const CodeLine& again = other->second->lines[i];
        line.count += again.count;
        for (size_t b = 0; b < std::min(line.branches.size(), again.branches.size()); ++b)
          line.branches[b] += again.branches[b];
      }
    }
  coverage.subjects.insert(more.subjects.begin(), more.subjects.end());
}

CodeFigures figures_of(const KernelCoverage& coverage) {
  CodeFigures all;
  for (const CodeFile& file : coverage.files) all.add(file);
  return all;
}

}  // namespace ovlcheck
