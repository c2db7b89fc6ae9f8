// Spinner: keeps the processor's cores awake, so that waking one does not take longer than what is measured.
#pragma once

#include <vector>

namespace ovlcheck {

// A process per core that spins whenever nothing else wants the core. It ends with this one.
class Spinner {
 public:
  // Throws std::system_error.
  Spinner();
  ~Spinner();
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

 private:
  std::vector<int> pids_;
};

}  // namespace ovlcheck
