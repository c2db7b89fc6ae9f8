// Reading case files: from text to cases, with every problem found told by file, pointer and line.
#include "harness/case/read.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>

#include "harness/case/case.h"
#include "harness/case/place.h"
#include "harness/case/schema.h"
#include "harness/case/table.h"

namespace ovlcheck {
namespace {

constexpr size_t largest_file = 4 << 20;  // bytes
constexpr size_t deepest_nesting = 100;
constexpr size_t most_members = 5000;  // of one object or array

constexpr const char* members_with_defaults[] = {"lower", "upper", "mount", "requires", "clauses", "actors"};

struct Scan {
  std::vector<Problem> problems;
  bool fit_to_parse = true;
};

// Limits and repeated members.
Scan scan_document(const std::string& text) {
  Scan scan;
  scan_json(text, [&](const Scanned& value) {
    const auto add = [&](const std::string& message) {
      scan.problems.push_back(
          {.file = "", .pointer = std::string(value.pointer), .line = value.line, .message = message});
    };
    if (value.repeated_key) add("there is already a member of this name");
    if (value.depth > deepest_nesting)
      add("is nested more than " + std::to_string(deepest_nesting) + " levels deep");
    else if (value.position >= most_members)
      add("there are more than " + std::to_string(most_members) + " values side by side");
    else
      return true;
    return scan.fit_to_parse = false;
  });
  return scan;
}

Problem syntax_problem(const std::string& text, const Json::parse_error& error) {
  const size_t end = std::min(error.byte, text.size());
  const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  std::string message = error.what();
  if (const size_t at = message.find("column "); at != message.npos)
    message.erase(0, message.find(": ", at) + 2);
  return {
      .file = "", .pointer = "", .line = static_cast<int>(lines) + 1, .message = "is not JSON: " + message};
}

// `pointer` or, if the text has no such value, the nearest value around it.
int nearest_line(const std::string& text, std::string pointer) {
  for (;;) {
    if (const int line = line_of(text, pointer)) return line;
    if (pointer.empty()) return 0;
    pointer.resize(pointer.rfind('/'));
  }
}

// Where a value of an expanded case was written in the case: of what `pointer` names or of the nearest
// value around it that has a known origin.
std::string origin_of(const std::string& pointer, const Origins& origins) {
  for (std::string prefix = pointer; !prefix.empty(); prefix.resize(prefix.rfind('/')))
    if (const auto found = origins.find(prefix); found != origins.end())
      return found->second + pointer.substr(prefix.size());
  return pointer;
}

// Reads the cases of one document, collects problems instead of stopping at the first.
class Reader {
 public:
  Reader(const std::string& text, const std::string& file, const CaseCheck& check)
      : text_(text), file_(file), check_(check) {}

  std::vector<Case> read() {
    const Json document = parse_document(text_, file_);
    for (const Problem& p : check_file(document)) add(p.pointer, p.message);
    if (!problems_.empty()) throw BadCase(std::move(problems_));
    group_ = document.at("group").get<std::string>();
    const Json& cases = document.at("cases");
    const Json* defaults = member(document, "defaults");
    for (size_t i = 0; i < cases.size(); ++i)
      read_case(cases[i], defaults ? *defaults : Json::object(), "/cases/" + std::to_string(i));
    if (!problems_.empty()) throw BadCase(std::move(problems_));
    return std::move(cases_);
  }

 private:
  static const Json* member(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found == json.end() ? nullptr : &*found;
  }

  Problem problem(const std::string& pointer, const std::string& message) const {
    return {.file = file_, .pointer = pointer, .line = nearest_line(text_, pointer), .message = message};
  }

  // Once is enough for what many cases of a table have in common.
  void add(const std::string& pointer, const std::string& message) {
    if (told_.insert(pointer + '\n' + message).second) problems_.push_back(problem(pointer, message));
  }

  // A pointer in the case at `base` as a pointer in the document: members may come from the defaults.
  static std::string in_document(const Json& json, const std::string& base, const std::string& pointer) {
    const std::string name = pointer.substr(0, pointer.find('/', 1));
    const bool given = name.empty() || json.contains(name.substr(1));
    const bool may_default = std::any_of(std::begin(members_with_defaults), std::end(members_with_defaults),
                                         [&](const char* m) { return "/" + std::string(m) == name; });
    return given || !may_default ? base + pointer : "/defaults" + pointer;
  }

  void read_case(const Json& json, const Json& defaults, const std::string& base) {
    Json whole = json;
    for (const char* key : members_with_defaults)
      if (const Json* value = member(defaults, key); value && !json.contains(key)) whole[key] = *value;
    const auto tell = [&](const std::vector<Problem>& found) {
      for (const Problem& p : found) add(in_document(json, base, p.pointer), p.message);
    };
    if (json.contains("for")) {
      const auto found = check_table_case(whole);
      if (!found.empty()) return tell(found);
    }
    try {
      const Table table(whole);
      for (size_t i = 0; i < table.size(); ++i) read_row(table, i, json, base);
    } catch (const BadCase& bad) {
      tell(bad.problems);
    }
  }

  void read_row(const Table& table, size_t nth, const Json& json, const std::string& base) {
    const Json row = table.expand(nth);
    std::vector<Problem> found = check_case(row);
    Case c;
    try {
      if (found.empty()) {
        c = case_from_json(row, group_, "");
        found = check_(c);
      }
    } catch (const BadCase& bad) {
      found = bad.problems;
    }
    if (!found.empty()) {
      Origins origins;
      table.expand(nth, &origins);
      for (const Problem& p : found) add(in_document(json, base, origin_of(p.pointer, origins)), p.message);
      return;
    }
    c.file = file_;
    c.pointer = base;
    if (!names_.insert(c.id).second) add(base + "/id", "there is already a case \"" + c.name() + '"');
    cases_.push_back(std::move(c));
  }

  const std::string& text_;
  const std::string& file_;
  const CaseCheck& check_;
  std::string group_;
  std::set<std::string> names_, told_;
  std::vector<Problem> problems_;
  std::vector<Case> cases_;
};

bool is_case_file(const std::filesystem::path& path) {
  return path.extension() == ".json" && path.filename() != "changes.json" &&
         path.filename() != "clauses.json" && path.filename() != "errnos.json" &&
         path.filename() != "kernel-code.json" && path.parent_path().filename() != "schema";
}

}  // namespace

Json parse_document(const std::string& text, const std::string& file) {
  if (text.size() > largest_file)
    throw BadCase({{.file = file, .message = "is larger than 4 MiB; split it into several groups"}});
  Scan scan = scan_document(text);
  Json document;
  try {
    if (scan.fit_to_parse) document = Json::parse(text);
  } catch (const Json::parse_error& error) {
    scan.problems = {syntax_problem(text, error)};
  } catch (const Json::out_of_range& error) {
    scan.problems = {{.message = std::string("has a number that is too large: ") + error.what()}};
  }
  for (Problem& problem : scan.problems) problem.file = file;
  if (!scan.problems.empty()) throw BadCase(std::move(scan.problems));
  return document;
}

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  std::array<char, 1 << 16> chunk;
  while (in.is_open() && text.size() <= largest_file) {
    in.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<size_t>(in.gcount()));
    if (!in) break;
  }
  if (!in.is_open() || in.bad())
    throw BadCase({{.file = file, .message = "cannot be read: " + std::generic_category().message(errno)}});
  return text;
}

std::vector<std::string> case_files(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::set<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.insert(fs::path(path).lexically_normal().string());
      continue;
    }
    fs::recursive_directory_iterator at(path, error), end;
    for (; !error && at != end; at.increment(error))
      if (at->is_regular_file(error) && is_case_file(at->path()))
        files.insert(at->path().lexically_normal().string());
    if (error) throw BadCase({{.file = path, .message = "cannot be read: " + error.message()}});
  }
  return {files.begin(), files.end()};
}

std::vector<Case> read_cases(const std::string& text, const std::string& file) {
  return read_cases(text, file, [](const Case&) { return std::vector<Problem>(); });
}

std::vector<Case> read_cases(const std::string& text, const std::string& file, const CaseCheck& check) {
  return Reader(text, file, check).read();
}

std::vector<Case> load_cases(const std::vector<std::string>& paths) {
  std::vector<Case> cases;
  std::vector<Problem> problems;
  std::map<std::string, std::string> known;  // full name -> file
  for (const std::string& file : case_files(paths)) {
    try {
      for (Case& c : read_cases(read_text(file), file)) {
        const auto [other, added] = known.emplace(c.name(), file);
        if (!added)
          problems.push_back({.file = file,
                              .pointer = c.pointer,
                              .message = "there is already a case \"" + c.name() + "\" in " + other->second});
        cases.push_back(std::move(c));
      }
    } catch (const BadCase& bad) {
      problems.insert(problems.end(), bad.problems.begin(), bad.problems.end());
    }
  }
  if (!problems.empty()) throw BadCase(std::move(problems));
  return cases;
}

}  // namespace ovlcheck
