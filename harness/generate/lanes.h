// Lanes: sequences of operations done side by side on all parties of an arena, compared step by step and at
// the end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "harness/generate/arena.h"
#include "harness/generate/operation.h"
#include "harness/generate/vote.h"
#include "harness/judge/outcome.h"

namespace ovlcheck::generate {

// Decides what a lane does next.
class Script {
 public:
  virtual ~Script() = default;
  // The next operation, or null at the end; it stays valid until the next call. `last`: what the reference
  // did before, null at the start.
  virtual const Operation* next(const Observed* last) = 0;
};

struct Lane {
  const Scenario* scenario = nullptr;
  std::unique_ptr<Script> script;
  std::vector<Operation> done;  // so far, the last one included
  // Where the parties parted: "step", "merged" or "upper"; "" they did not.
  std::string parted;
  Vote vote;  // who deviated from whom there
  // In short and without names, who is right first, e.g. "rename EXDEV/ok": findings with the same signature
  // are one.
  std::string signature;
  uint64_t state = 0;  // hash of what the reference was left in; equal = the same scenario in all but history
};

// Where lanes come from.
class Source {
 public:
  virtual ~Source() = default;
  // Up to `count` lanes, none when everything is done.
  virtual std::vector<Lane> take(size_t count) = 0;
  // The lanes have run.
  virtual void give_back(const std::vector<Lane>& lanes) = 0;
  // Mount options of all its lanes.
  virtual Options options() const { return {}; }
};

// What was done and seen.
struct Tally {
  uint64_t lanes = 0;
  uint64_t steps = 0;   // operations done on all and compared
  uint64_t nodes = 0;   // looked at in full at the end, on all
  uint64_t digest = 0;  // of all operations in their order; lanes may come in any
  // Outcomes of the reference: form and errno.
  std::map<std::pair<uint8_t, int>, uint64_t> outcomes;
  // What was done in which state with which errno, packed: form and paths, the classes of what they name, how
  // many changes came before (3: or more), errno.
  std::unordered_set<uint64_t> cells;
};

// Runs all lanes to their ends and looks at merged and upper then. Throws std::runtime_error if the arena
// broke.
void run_lanes(Arena& arena, std::vector<Lane>& lanes, Tally& tally);

// "content, nlink" of differences; each kind once, sorted.
std::string kinds_of(const std::vector<TreeDifference>& differences);

}  // namespace ovlcheck::generate
