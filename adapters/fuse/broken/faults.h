// Faults: what the broken file system shall do wrong, and when.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace brokenfs {

// "hang@mkdir:2" or "errno=5@open" or "phantom".
struct Fault {
  std::string kind;
  int value = 0;          // after "="
  std::string operation;  // "" = every one
  int number = 1;         // the how many-th such request it begins with
};

// Throws std::invalid_argument, naming the words that are no fault.
Fault fault_from(const std::string& words);

class Faults {
 public:
  explicit Faults(std::vector<Fault> all) : all_(std::move(all)) {}

  // Is there a fault of that kind that lasts as long as the mount does?
  bool has(const std::string& kind) const;
  // Counts a request. Hangs, ends the process or sleeps if that is what shall happen at it; returns the errno
  // that it shall be answered with instead of being done, or 0.
  int strike(const std::string& operation);

 private:
  std::vector<Fault> all_;
  std::map<std::string, int> requests_;
};

}  // namespace brokenfs
