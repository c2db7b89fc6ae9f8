// Legal: which trees may be found after a crash, given what was seen before it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/case/tree.h"

namespace ovlcheck {

// What a step made safe. POSIX: fsync(2) of a file its data and attributes, of a directory its entries;
// syncfs(2) everything.
struct Safe {
  enum class What { everything, file, entries };
  size_t step = 0;  // 1 = the first
  What what = What::everything;
  std::string path;  // of the file or directory
};

struct History {
  std::vector<Tree> states;  // of merged: [0] before the first step (safe), [i] after step i
  std::vector<bool> writes;  // [i - 1]: step i writes data, which without fsync may arrive in part
  std::vector<Safe> safe;
};

// Why nobody may find `found` after a crash when `done` steps had been answered (and one more may have been
// under way if `amid`); nothing if it is legal. Every path must be as it was in one of the states since it
// was last made safe; the bytes of a file that was written since may be a mix of old, new and, where it had
// none, zeroes; what one step alone changed at several paths is all old or all new.
std::optional<std::string> why_illegal(const History& history, size_t done, bool amid, const Tree& found);

// Which of the states it is, the latest if several are alike; nothing if it is a mix.
std::optional<size_t> state_of(const History& history, const Tree& found);

}  // namespace ovlcheck
