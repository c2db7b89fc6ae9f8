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

class Rounds {
 public:
  Rounds(Arena& arena, std::vector<Lane>& lanes, Tally& tally) : arena_(arena), lanes_(lanes), tally_(tally) {
    for (size_t i = 0; i < lanes.size(); ++i) {
      for (auto& operands : operands_) operands.emplace_back(Arena::place(i));
      active_.push_back(i);
    }
    for (auto& seen : seen_) seen.resize(lanes.size());
    tally_.lanes += lanes.size();
  }

  void run() {
    for (bool first = true; choose(first); first = false) {
      if (is_of_the_harness(lanes_[active_.front()].done.back())) {
        remount();
        continue;
      }
      for (const Side side : kSides) perform_all(side);
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
      const Operation* next = lane.script->next(first ? nullptr : &seen(Side::reference, i));
      if (next) lane.done.push_back(*next);
      return next == nullptr;
    });
    return !active_.empty();
  }

  void perform_all(Side side) {
    // One who acts after the other: changing credentials costs more than an operation.
    for (const bool other_user : {false, true}) {
      settle_home();
      Vfs* vfs = nullptr;
      for (const size_t i : active_) {
        const Operation& operation = lanes_[i].done.back();
        if (operation.by_other_user != other_user) continue;
        if (!vfs) vfs = other_user ? &arena_.vfs_of_other_user(side) : &arena_.vfs(side);
        seen(side, i) = perform(operation, *vfs, operands(side, i));
      }
    }
  }

  void close_all() {
    for (const Side side : kSides) {
      settle_home();
      for (size_t i = 0; i < lanes_.size(); ++i)
        for (int& fd : operands(side, i).fds) {
          if (fd >= 0) (void)arena_.vfs(side).close(fd);  // nothing more is done with it
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
        if (forms()[operation.form].perform) (void)perform(operation, upper, operands(Side::reference, i));
      }
    });
    for (const size_t i : active_) seen(Side::reference, i) = {};
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

  Operands& operands(Side side, size_t lane) { return operands_[static_cast<size_t>(side)][lane]; }
  Observed& seen(Side side, size_t lane) { return seen_[static_cast<size_t>(side)][lane]; }

  Arena& arena_;
  std::vector<Lane>& lanes_;
  Tally& tally_;
  std::array<std::vector<Operands>, 2> operands_;
  std::vector<size_t> active_;
  std::array<std::vector<Observed>, 2> seen_;
};

// A hash over what a tree means, wherever it lies.
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
