// Known: deviations of generated sequences that are listed with their reasons
// (results/expectations/generated/SUBJECT.json).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ovlcheck::generate {

class Known {
 public:
  Known() = default;
  // What the folder lists of a subject: in the file of its full name, else of its kind ("plain" for
  // "plain:x=y"); nothing if it has neither. Throws BadCase with file, pointer and line.
  Known(const std::filesystem::path& folder, const std::string& subject);

  // Why a deviation is as it is, "" if it is not listed. `signature`: of a sequence or of a finding. Of trees
  // that differ in several things each has to be listed, as "link merged acl" and "link merged nlink".
  // `scenario`: its name (scenario.h).
  std::string reason(const std::string& scenario, const std::string& signature) const;

 private:
  struct Entry {
    // "*" and "?" match as in a shell.
    std::vector<std::string> signatures, scenarios;
    std::string reason;
  };
  std::vector<Entry> entries_;
};

}  // namespace ovlcheck::generate
