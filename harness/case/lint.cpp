#include "harness/case/lint.h"

#include <filesystem>
#include <map>
#include <set>

#include "harness/case/clauses.h"
#include "harness/case/lint_case.h"
#include "harness/case/read.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

// Goes through all files, then compares what they use with the clause index.
class Lint {
 public:
  std::vector<Problem> run(const std::vector<std::string>& paths) {
    collecting([&] { read_indexes(paths); });
    collecting([&] {
      for (const std::string& file : case_files(paths)) collecting([&] { check_file(file); });
    });
    // A case that cannot be read covers nothing; what it was meant to cover is not worth a complaint.
    if (problems_.empty()) check_coverage();
    return std::move(problems_);
  }

 private:
  struct Index {
    std::string file;
    std::string text;
    std::vector<Clause> clauses;
  };

  template <class Action>
  void collecting(const Action& action) {
    try {
      action();
    } catch (const BadCase& bad) {
      problems_.insert(problems_.end(), bad.problems.begin(), bad.problems.end());
    }
  }

  // The clause index of a folder, or beside a file. Only a folder's must be covered by what is read.
  void read_indexes(const std::vector<std::string>& paths) {
    namespace fs = std::filesystem;
    for (const std::string& path : paths) {
      const bool folder = fs::is_directory(path);
      const fs::path file = (folder ? fs::path(path) : fs::path(path).parent_path()) / "clauses.json";
      if (!fs::is_regular_file(file)) continue;
      collecting([&] {
        Index index{
            .file = file.lexically_normal().string(), .text = read_text(file.string()), .clauses = {}};
        index.clauses = read_clauses(index.text, index.file);
        for (const Clause& clause : index.clauses) known_.insert(clause.id);
        if (folder) indexes_.push_back(std::move(index));
      });
    }
  }

  void check_file(const std::string& file) {
    const std::string text = read_text(file);
    std::string group;
    const auto cases = read_cases(text, file, [&](const Case& c) {
      group = c.group;
      covered_.insert(c.clauses.begin(), c.clauses.end());
      std::vector<Problem> problems = lint_case(c);
      check_clauses(c, problems);
      return problems;
    });
    const auto add = [&](const std::string& pointer, std::string message) {
      problems_.push_back(
          {.file = file, .pointer = pointer, .line = line_of(text, pointer), .message = std::move(message)});
    };
    if (!cases.empty() && std::filesystem::path(file).stem() != group)
      add("/group", "the file must be called " + group + ".json, or the group as the file");
    for (const Case& c : cases) {
      const auto [other, added] = names_.emplace(c.name(), file);
      if (!added) add(c.pointer, "there is already a case \"" + c.name() + "\" in " + other->second);
    }
  }

  void check_clauses(const Case& c, std::vector<Problem>& problems) const {
    if (known_.empty()) return;
    for (size_t i = 0; i < c.clauses.size(); ++i) {
      if (known_.contains(c.clauses[i])) continue;
      problems.push_back({.file = "",
                          .pointer = "/clauses/" + std::to_string(i),
                          .message = "clauses.json has no clause \"" + c.clauses[i] + '"' +
                                     did_you_mean(c.clauses[i], {known_.begin(), known_.end()})});
    }
  }

  void check_coverage() {
    for (const Index& index : indexes_) {
      for (size_t i = 0; i < index.clauses.size(); ++i) {
        const Clause& clause = index.clauses[i];
        const bool covered = covered_.contains(clause.id);
        const std::string pointer = "/clauses/" + std::to_string(i);
        if (covered == clause.untestable.empty()) continue;
        problems_.push_back(
            {.file = index.file,
             .pointer = pointer,
             .line = line_of(index.text, pointer),
             .message = covered
                            ? "there are cases on " + clause.id + "; \"untestable\" must go"
                            : "no case covers " + clause.id + "; write one, or say why in \"untestable\""});
      }
    }
  }

  std::vector<Problem> problems_;
  std::vector<Index> indexes_;
  std::set<std::string> known_, covered_;     // clause ids
  std::map<std::string, std::string> names_;  // of cases -> file
};

}  // namespace

std::vector<Problem> lint(const std::vector<std::string>& paths) {
  return Lint().run(paths);
}

}  // namespace ovlcheck
