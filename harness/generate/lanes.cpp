#include "harness/generate/lanes.h"

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>

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

class Rounds {
 public:
  Rounds(Arena& arena, std::vector<Lane>& lanes, Tally& tally) : arena_(arena), lanes_(lanes), tally_(tally) {
    for (size_t i = 0; i < lanes.size(); ++i) {
      operands_.emplace_back(Arena::place(i));
      active_.push_back(i);
    }
    for (auto& seen : seen_) seen.resize(lanes.size());
    tally_.lanes += lanes.size();
  }

  void run() {
    for (bool first = true; choose(first); first = false) {
      for (const Side side : kSides) perform_all(side);
      for (const size_t lane : active_) compare(lane);
    }
  }

 private:
  // Asks every lane for its next step; false when all are done.
  bool choose(bool first) {
    std::erase_if(active_, [&](size_t i) {
      Lane& lane = lanes_[i];
      if (!lane.parted.empty()) return true;
      const Operation* next = lane.script->next(first ? nullptr : &seen(Side::reference, i));
      if (next) lane.done.push_back(*next);
      return next == nullptr;
    });
    return !active_.empty();
  }

  void perform_all(Side side) {
    settle_home();
    Vfs& vfs = arena_.vfs(side);
    for (const size_t i : active_) seen(side, i) = perform(lanes_[i].done.back(), vfs, operands_[i]);
  }

  void compare(size_t i) {
    Lane& lane = lanes_[i];
    const Observed &reference = seen(Side::reference, i), &subject = seen(Side::subject, i);
    ++tally_.steps;
    const uint8_t form = lane.done.back().form;
    ++tally_.outcomes[{form, reference.error}];
    if (reference == subject) return;
    lane.parted = "step";
    lane.signature = std::string(forms()[form].name) + " ";
    if (reference.error == subject.error)
      lane.signature += "result";
    else
      lane.signature += in_short(reference.error) + "/" + in_short(subject.error);
  }

  Observed& seen(Side side, size_t lane) { return seen_[static_cast<size_t>(side)][lane]; }

  Arena& arena_;
  std::vector<Lane>& lanes_;
  Tally& tally_;
  std::vector<Operands> operands_;
  std::vector<size_t> active_;
  std::array<std::vector<Observed>, 2> seen_;
};

// FNV-1a over what a tree means, wherever it lies.
class StateHash {
 public:
  explicit StateHash(std::string place) : place_(std::move(place)) {}

  void add(const Tree& node) {
    number(static_cast<uint64_t>(node.type));
    for (const auto& piece : node.content.pieces) text(piece.bytes), number(piece.size);
    text(node.target);
    number(node.mode.value_or(0));
    number(node.nlink.value_or(0));
    number(node.mtime ? static_cast<uint64_t>(node.mtime->sec) : 0);
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
  uint64_t value() const { return hash_; }

 private:
  void byte(unsigned char value) { hash_ = (hash_ ^ value) * 0x100000001b3; }
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<unsigned char>(value | 0x80));
    byte(static_cast<unsigned char>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    for (const char c : value) byte(static_cast<unsigned char>(c));
  }

  std::string place_;
  uint64_t hash_ = 0xcbf29ce484222325;
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

// Compares what both were left in, and takes the reference's for the hash of the state.
void look(std::vector<Lane>& lanes, Tally& tally, std::vector<StateHash>& hashes, const char* layer,
          const std::function<Tree(Side)>& whole) {
  Tree reference = whole(Side::reference), subject = whole(Side::subject);
  tally.nodes += count_nodes(reference);
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    Tree expected = take_lane(reference, i), found = take_lane(subject, i);
    const auto differences = compare_snapshots(expected, found);
    hashes[i].add(expected);
    if (!lane.parted.empty() || differences.empty()) continue;
    lane.parted = layer;
    lane.signature =
        std::string(forms()[lane.done.back().form].name) + " " + layer + " " + kinds_of(differences);
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
  look(lanes, tally, hashes, "merged", [&](Side side) { return arena.merged(side); });
  if (arena.has_upper(Side::subject) && arena.has_upper(Side::reference))
    look(lanes, tally, hashes, "upper", [&](Side side) { return arena.upper(side); });
  for (size_t i = 0; i < lanes.size(); ++i) lanes[i].state = hashes[i].value();
}

}  // namespace ovlcheck::generate
