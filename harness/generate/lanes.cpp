#include "harness/generate/lanes.h"

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>

#include "harness/case/fnv.h"
#include "harness/case/vocabulary.h"
#include "harness/judge/judge.h"
#include "harness/ops/kernel_vfs.h"

namespace ovlcheck::generate {
namespace {

void settle_home() {
  if (const auto home = go_home(); !home)
    throw std::runtime_error("cannot leave the merged tree: " + errno_name(home.error()));
}

std::string in_short(int error) {
  return error == 0 ? "ok" : errno_name(error);
}

uint64_t digest_of(const std::vector<Operation>& operations) {
  Fnv hash;
  for (const auto& operation : operations)
    for (const uint8_t byte :
         {operation.form, operation.path, operation.other, uint8_t{operation.by_other_user}})
      hash.add(byte);
  return hash.value();
}

constexpr uint8_t kManyChanges = 3;  // more are not told apart

// See Tally.
uint64_t cell_of(const Lane& lane, uint8_t changes, int error) {
  constexpr uint8_t kUntouched = 31;
  const Operation& operation = lane.done.back();
  const bool two_paths = forms()[operation.form].on == On::two_paths;
  uint64_t cell = operation.form;
  cell = cell << 3 | operation.path;
  cell = cell << 3 | (two_paths ? operation.other : 0);
  for (const char object : {'a', 'b'})
    cell = cell << 5 | (touches(operation, object) ? lane.scenario->classes[object - 'a'] : kUntouched);
  return (cell << 2 | changes) << 8 | static_cast<uint8_t>(error);
}

class Rounds {
 public:
  Rounds(Arena& arena, std::vector<Lane>& lanes, Tally& tally)
      : arena_(arena), lanes_(lanes), tally_(tally), operands_(arena.parties()), seen_(arena.parties()) {
    for (size_t i = 0; i < lanes.size(); ++i) {
      for (auto& operands : operands_) operands.emplace_back(Arena::place(i));
      active_.push_back(i);
    }
    for (auto& seen : seen_) seen.resize(lanes.size());
    changes_.resize(lanes.size());
    for (size_t party = 0; party < arena.parties(); ++party) all_.push_back(party);
    tally_.lanes += lanes.size();
  }

  void run() {
    for (bool first = true; choose(first); first = false) {
      if (is_of_the_harness(lanes_[active_.front()].done.back())) {
        remount();
        continue;
      }
      for (const size_t party : all_) perform_all(party);
      for (const size_t lane : active_) compare(lane);
    }
    for (const auto& lane : lanes_) tally_.digest += digest_of(lane.done);
    close_all();
  }

 private:
  // Asks every lane for its next step; false when all are done.
  bool choose(bool first) {
    std::erase_if(active_, [&](size_t i) {
      Lane& lane = lanes_[i];
      if (!lane.parted.empty()) return true;
      const Operation* next = lane.script->next(first ? nullptr : &seen_[kReference][i]);
      if (next) lane.done.push_back(*next);
      return next == nullptr;
    });
    return !active_.empty();
  }

  void perform_all(size_t party) {
    // One who acts after the other: changing credentials costs more than an operation.
    for (const bool other_user : {false, true}) {
      settle_home();
      Vfs* vfs = nullptr;
      for (const size_t i : active_) {
        const Operation& operation = lanes_[i].done.back();
        if (operation.by_other_user != other_user) continue;
        if (!vfs) vfs = other_user ? &arena_.vfs_of_other_user(party) : &arena_.vfs(party);
        seen_[party][i] = perform(operation, *vfs, operands_[party][i]);
      }
    }
  }

  void close_all() {
    for (const size_t party : all_) {
      settle_home();
      for (auto& operands : operands_[party])
        for (int& fd : operands.fds) {
          if (fd >= 0) (void)arena_.vfs(party).close(fd);  // nothing more is done with it
          fd = -1;
        }
    }
  }

  // What is done offline is not compared: what comes of it is.
  void remount() {
    close_all();
    settle_home();
    arena_.remount([&](Vfs& upper) {
      for (const size_t i : active_) {
        const Operation& operation = lanes_[i].done.back();
        if (forms()[operation.form].perform) (void)perform(operation, upper, operands_[kReference][i]);
      }
    });
    for (const size_t i : active_) seen_[kReference][i] = {};
  }

  void compare(size_t i) {
    Lane& lane = lanes_[i];
    ++tally_.steps;
    const uint8_t form = lane.done.back().form;
    const int error = seen_[kReference][i].error;
    ++tally_.outcomes[{form, error}];
    tally_.cells.insert(cell_of(lane, changes_[i], error));
    if (error == 0 && forms()[form].changes && changes_[i] < kManyChanges) ++changes_[i];
    const auto parted = vote(all_, [&](size_t a, size_t b) { return seen_[a][i] == seen_[b][i]; });
    if (!parted) return;
    lane.parted = "step";
    lane.vote = *parted;
    const int right = seen_[parted->right][i].error, odd = seen_[parted->odd][i].error;
    lane.signature = std::string(forms()[form].name) + " ";
    lane.signature += right == odd ? "result" : in_short(right) + "/" + in_short(odd);
  }

  Arena& arena_;
  std::vector<Lane>& lanes_;
  Tally& tally_;
  std::vector<size_t> all_;  // parties
  std::vector<size_t> active_;
  std::vector<uint8_t> changes_;  // so far, by lane
  // By party and lane.
  std::vector<std::vector<Operands>> operands_;
  std::vector<std::vector<Observed>> seen_;
};

// A hash over what a tree means, wherever it lies and whenever it was made.
class StateHash {
 public:
  explicit StateHash(std::string place) : place_(std::move(place)) {}

  void add(const Tree& node) {
    number(static_cast<uint64_t>(node.type));
    if (node.type == NodeType::whiteout) return;
    for (const auto& piece : node.content.pieces) text(piece.bytes), number(piece.size);
    text(node.target);
    number(node.type == NodeType::symlink ? 0 : node.mode.value_or(0));
    number(node.type == NodeType::directory ? 0 : node.nlink.value_or(0));
    number(node.mtime ? static_cast<uint64_t>(std::min(node.mtime->sec, kRunsAreLaterThan)) : 0);
    for (const auto& [name, value] : node.xattrs) text(name), text(value.value_or(""));
    text(node.marks.opaque);
    if (node.marks.redirect) {
      const std::string& redirect = *node.marks.redirect;
      text(redirect.starts_with(place_) ? redirect.substr(place_.size()) : redirect);
    }
    number(node.marks.metacopy);
    for (const auto& [name, child] : node.children) text(name), add(child);
    number(node.children.size());
  }
  uint64_t value() const { return hash_.value(); }

 private:
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) hash_.add(static_cast<unsigned char>(value | 0x80));
    hash_.add(static_cast<unsigned char>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    hash_.add(value);
  }

  std::string place_;
  Fnv hash_;
};

uint64_t count_nodes(const Tree& tree) {
  uint64_t count = 1;
  for (const auto& [name, child] : tree.children) count += count_nodes(child);
  return count;
}

Tree take_lane(Tree& all, size_t lane) {
  const auto found = all.children.find(Arena::place(lane).substr(1));
  return found == all.children.end() ? Tree{} : std::move(found->second);
}

// Comparing takes out of trees what has no meaning across subjects, so that copies are compared.
std::vector<TreeDifference> differences_of(Tree right, Tree other) {
  return compare_snapshots(right, other);
}

// Compares what some parties were left in, and takes the first one's for the hash of the state.
void look(std::vector<Lane>& lanes, Tally& tally, std::vector<StateHash>& hashes, const char* layer,
          const std::vector<size_t>& parties, const std::function<Tree(size_t)>& whole) {
  std::map<size_t, Tree> trees;
  for (const size_t party : parties) trees[party] = whole(party);
  tally.nodes += count_nodes(trees[parties.front()]);
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    std::map<size_t, Tree> left;
    for (const size_t party : parties) left[party] = take_lane(trees[party], i);
    const auto parted =
        vote(parties, [&](size_t a, size_t b) { return differences_of(left[a], left[b]).empty(); });
    hashes[i].add(left[parties.front()]);
    if (!lane.parted.empty() || !parted) continue;
    lane.parted = layer;
    lane.vote = *parted;
    // Some look different before anything is done.
    lane.signature = (lane.done.empty() ? "nothing" : std::string(forms()[lane.done.back().form].name)) +
                     " " + layer + " " + kinds_of(differences_of(left[parted->right], left[parted->odd]));
  }
}

}  // namespace

std::string kinds_of(const std::vector<TreeDifference>& differences) {
  std::set<std::string> kinds;
  for (const auto& difference : differences) kinds.insert(difference.what);
  std::string text;
  for (const auto& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

void run_lanes(Arena& arena, std::vector<Lane>& lanes, Tally& tally) {
  Rounds(arena, lanes, tally).run();
  std::vector<StateHash> hashes;
  for (size_t i = 0; i < lanes.size(); ++i) {
    hashes.emplace_back(Arena::place(i));
    for (const auto& lower : lanes[i].scenario->lowers) hashes.back().add(lower);
  }
  std::vector<size_t> all, layered;
  for (size_t party = 0; party < arena.parties(); ++party) {
    all.push_back(party);
    if (arena.has_upper(party)) layered.push_back(party);
  }
  look(lanes, tally, hashes, "merged", all, [&](size_t party) { return arena.merged(party); });
  if (layered.size() > 1)
    look(lanes, tally, hashes, "upper", layered, [&](size_t party) { return arena.upper(party); });
  for (size_t i = 0; i < lanes.size(); ++i) lanes[i].state = hashes[i].value();
}

}  // namespace ovlcheck::generate
