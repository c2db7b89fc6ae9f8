#include "harness/generate/exhaust.h"

#include <algorithm>

namespace ovlcheck::generate {
namespace {

constexpr size_t kPieces = 6;

}  // namespace

// The prefix, then candidates until one of them changes something.
class Enumeration::Tries : public Script {
 public:
  Tries(const Enumeration& owner, Item item) : owner_(owner), item_(std::move(item)) {}

  const Operation* next(const Observed* last) override {
    if (at_ < item_.prefix.size()) return &item_.prefix[at_++];
    if (at_ > item_.prefix.size() && last->error == 0 && forms()[current().form].changes) {
      changed_ = true;
      return nullptr;
    }
    at_ = item_.prefix.size() + 1;
    while (item_.from < item_.to && !owner_.may_follow(item_, owner_.candidates_[item_.from])) ++item_.from;
    if (item_.from == item_.to) return nullptr;
    return &owner_.candidates_[item_.from++];
  }

  const Item& item() const { return item_; }
  bool changed() const { return changed_; }
  const Operation& current() const { return owner_.candidates_[item_.from - 1]; }

 private:
  const Enumeration& owner_;
  Item item_;
  size_t at_ = 0;
  bool changed_ = false;
};

Enumeration::Enumeration(unsigned depth, size_t first, size_t last)
    : depth_(depth), candidates_(all_operations()) {
  for (size_t i = first; i < last; ++i) enqueue(scenarios()[i], {});
}

// In pieces, because what is in one piece has to be done one after the other.
void Enumeration::enqueue(const Scenario& scenario, const std::vector<Operation>& prefix) {
  const size_t piece = candidates_.size() / kPieces + 1;
  for (size_t from = 0; from < candidates_.size(); from += piece)
    queue_.push_back({&scenario, prefix, from, std::min(from + piece, candidates_.size())});
}

// A sequence that ends here counts for this scenario only if it needs both objects, and of two mirror images
// only the one that starts with "a".
bool Enumeration::may_follow(const Item& item, const Operation& last) const {
  const Operation& first = item.prefix.empty() ? last : item.prefix.front();
  if (item.scenario->interchangeable && !touches(first, 'a')) return false;
  if (item.prefix.size() + 1 < depth_) return true;
  const auto touched = [&](char object) {
    return touches(last, object) || std::any_of(item.prefix.begin(), item.prefix.end(),
                                                [&](const Operation& each) { return touches(each, object); });
  };
  return item.scenario->one_object || (touched('a') && touched('b'));
}

std::vector<Lane> Enumeration::take(size_t count) {
  std::vector<Lane> lanes;
  for (; !queue_.empty() && lanes.size() < count; queue_.pop_front()) {
    Lane lane;
    lane.scenario = queue_.front().scenario;
    lane.script = std::make_unique<Tries>(*this, std::move(queue_.front()));
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

void Enumeration::give_back(const std::vector<Lane>& lanes) {
  for (const Lane& lane : lanes) {
    const auto& tries = static_cast<const Tries&>(*lane.script);
    const Item& item = tries.item();
    // After a deviation the rest is tried from a fresh start, unless it was in the prefix.
    if (item.from < item.to && lane.done.size() > item.prefix.size()) queue_.push_back(item);
    if (!tries.changed() || !lane.parted.empty() || item.prefix.size() + 1 >= depth_) continue;
    if (item.prefix.size() + 1 >= 2 && !expanded_.insert(lane.state).second) continue;
    auto longer = item.prefix;
    longer.push_back(tries.current());
    enqueue(*item.scenario, longer);
  }
}

}  // namespace ovlcheck::generate
