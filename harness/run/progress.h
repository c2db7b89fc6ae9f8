// Progress: which step a worker is at and since when; shared by the thread that works and the one that
// watches.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

namespace ovlcheck {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  struct Now {
    bool busy = false;  // a case is under way
    long request = 0;   // its number
    std::string case_name;
    std::string where;          // JSON pointer of the step, "" outside of steps
    Clock::time_point since{};  // start of that step
  };

  void begin_case(long request, const std::string& name) {
    std::lock_guard lock(mutex_);
    now_ = {true, request, name, "", Clock::now()};
  }
  void begin_step(const std::string& where) {
    std::lock_guard lock(mutex_);
    now_.where = where;
    now_.since = Clock::now();
  }
  void end_case() {
    std::lock_guard lock(mutex_);
    now_.busy = false;
  }
  Now now() const {
    std::lock_guard lock(mutex_);
    return now_;
  }

 private:
  mutable std::mutex mutex_;
  Now now_;
};

}  // namespace ovlcheck
