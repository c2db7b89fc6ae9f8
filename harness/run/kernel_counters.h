// KernelCounters: what virtual machines have counted of their kernel's code, case by case, and its folder.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/vm/gcov_data.h"
#include "harness/case/json.h"

namespace ovlcheck {

// A folder of counters holds the sum of all (NAME.gcda, with its NAME.gcno, as gcov and lcov want them) and
// reached.json: {"format": 1, "files": {NAME: PATH}, "subjects": [...], "cases": [...], "functions":
// [{"source", "name", "cases": [indexes]}]}, with every function there is.
class KernelCounters {
 public:
  // A folder that has counters already is added to. Throws std::runtime_error if it does not hold what this
  // program writes.
  explicit KernelCounters(std::filesystem::path folder);

  // A machine's word: {"files": ...} once (see GuestCounters), then {"counts": ...} of `case_name` on
  // `subject`. Throws std::runtime_error if the machine's kernel is not the one of the other machines.
  void introduce(const Json& word);
  void add(const std::string& subject, const std::string& case_name, const Json& word);

  // Throws std::runtime_error.
  void write() const;

 private:
  struct File {
    std::string path;  // where the kernel was built
    GcovData sum;
    std::map<uint32_t, GcovFunction> names;
  };
  using Function = std::pair<std::string, std::string>;  // source and name

  void load();
  void know_functions();
  void take_files(std::vector<File> files);
  static File file_of(const std::string& path, std::string content, const std::filesystem::path& notes);

  std::filesystem::path folder_;
  std::vector<File> files_;
  std::vector<Function> function_at_;                  // of every counter
  std::map<Function, std::set<std::string>> reached_;  // by these cases
  std::set<std::string> subjects_;
};

}  // namespace ovlcheck
