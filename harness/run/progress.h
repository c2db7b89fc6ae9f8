// Progress: which step a worker is at and since when; shared by the thread that works and the one that
// watches.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <string>

namespace ovlcheck {

// What the time of a case goes into, in the order of its life.
enum class Part { layers, mount, steps, snapshot, unmount };
inline constexpr std::array<const char*, 5> kPartNames = {"layers", "mount", "steps", "snapshot", "unmount"};

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
  // Of the thread that works: from now on until the next one, or the end of the case.
  void begin_part(Part part) {
    end_part();
    part_ = static_cast<int>(part);
  }
  void end_part() {
    const auto now = Clock::now();
    if (part_ >= 0) spent_[static_cast<std::size_t>(part_)] += now - part_since_;
    part_ = -1;
    part_since_ = now;
  }
  // Seconds of all cases so far in that part.
  double spent(Part part) const {
    return std::chrono::duration<double>(spent_[static_cast<std::size_t>(part)]).count();
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
  int part_ = -1;  // none
  Clock::time_point part_since_{};
  std::array<Clock::duration, kPartNames.size()> spent_{};
};

}  // namespace ovlcheck
