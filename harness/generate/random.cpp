#include "harness/generate/random.h"

#include <algorithm>

namespace ovlcheck::generate {
namespace {

// SplitMix64: the same numbers on every machine, which std::uniform_int_distribution does not promise.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  // Below `bound`.
  uint8_t below(size_t bound) { return static_cast<uint8_t>(next() % bound); }
  bool one_in(size_t times) { return next() % times == 0; }

 private:
  uint64_t state_;
};

// All lanes of an arena are mounted anew before these steps.
bool is_remount(size_t step) {
  return step == 12 || step == 24 || step == 36;
}

struct Weighted {
  uint8_t form;
  unsigned weight;
};

// What brings about states that are rarely met (names exchanged, linked, made anew where something was
// removed) weighs more than what only looks; what needs an open descriptor is chosen only when there is one.
std::vector<Weighted> weights(bool with_descriptors) {
  std::vector<Weighted> all;
  for (uint8_t i = 0; i < forms().size(); ++i) {
    const Form& form = forms()[i];
    if (form.on == On::harness || (form.on == On::descriptor && !with_descriptors)) continue;
    unsigned weight = form.changes ? 4 : 2;
    if (form.on == On::two_paths) weight = 10;
    if (form.on == On::descriptor) weight = 6;
    for (const auto* rare : {"mkdir", "unlink", "rmdir", "create"})
      if (form.name == rare) weight = 8;
    all.push_back({i, weight});
  }
  return all;
}

class RandomScript : public Script {
 public:
  RandomScript(uint64_t seed, bool other_user) : numbers_(seed), other_user_(other_user) {
    open_.fill(false);
  }

  const Operation* next(const Observed* last) override {
    if (last) notice(*last);
    if (step_ == RandomSequences::kSteps) return nullptr;
    current_ = is_remount(step_) ? at_remount() : anything();
    ++step_;
    return &current_;
  }

 private:
  // Keeps account of which descriptors are open.
  void notice(const Observed& last) {
    const Form& form = forms()[current_.form];
    if (form.on == On::opening) open_[current_.other] = last.error == 0;
    if (form.name == "close") open_[current_.other] = false;
    if (form.on == On::harness) open_.fill(false);
  }

  Operation at_remount() {
    static const uint8_t kinds[] = {form_of("remount"), form_of("offline-put"), form_of("offline-chmod"),
                                    form_of("offline-replace")};
    return {kinds[numbers_.below(std::size(kinds))], numbers_.below(kPaths.size())};
  }

  Operation anything() {
    static const auto with = weights(true), without = weights(false);
    const bool any_open = std::any_of(open_.begin(), open_.end(), [](bool open) { return open; });
    Operation operation;
    operation.form = pick(any_open ? with : without);
    operation.path = numbers_.below(kPaths.size());
    operation.other = numbers_.below(kPaths.size());
    const On on = forms()[operation.form].on;
    if (on == On::opening) operation.other = numbers_.below(kDescriptors);
    if (on == On::descriptor) operation.other = open_[0] && (!open_[1] || numbers_.one_in(2)) ? 0 : 1;
    operation.by_other_user = other_user_ && numbers_.one_in(8);
    return operation;
  }

  uint8_t pick(const std::vector<Weighted>& from) {
    unsigned sum = 0;
    for (const auto& each : from) sum += each.weight;
    auto at = static_cast<unsigned>(numbers_.next() % sum);
    for (const auto& each : from) {
      if (at < each.weight) return each.form;
      at -= each.weight;
    }
    return from.back().form;
  }

  Numbers numbers_;
  bool other_user_;
  size_t step_ = 0;
  Operation current_;
  std::array<bool, kDescriptors> open_;
};

// With user.* marks the other options are refused (fs/overlayfs/params.c).
const std::vector<Options>& option_sets(bool real_root) {
  static const std::vector<Options> few = {{}};
  static const std::vector<Options> all = {{},
                                           {{"redirect_dir", "on"}},
                                           {{"index", "on"}},
                                           {{"redirect_dir", "on"}, {"metacopy", "on"}},
                                           {{"redirect_dir", "nofollow"}},
                                           {{"redirect_dir", "on"}, {"index", "on"}}};
  return real_root ? all : few;
}

}  // namespace

RandomSequences::RandomSequences(uint64_t seed, size_t chunk, const Environment& environment)
    : seed_(Numbers(seed + chunk * 0x632be59bd9b4e019).next()), other_user_(environment.mapped_uids) {
  const auto& sets = option_sets(environment.privilege == "root");
  options_ = sets[chunk % sets.size()];
}

std::vector<Lane> RandomSequences::take(size_t count) {
  std::vector<Lane> lanes;
  for (; taken_ < kLanes && lanes.size() < count; ++taken_) {
    Numbers numbers(seed_ + taken_);
    Lane lane;
    lane.scenario = &scenarios()[numbers.next() % scenarios().size()];
    lane.script = std::make_unique<RandomScript>(numbers.next(), other_user_);
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

}  // namespace ovlcheck::generate
