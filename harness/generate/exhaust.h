// Exhaust: every sequence of up to N changes from every scenario, each state looked at with every operation.
#pragma once

#include <deque>
#include <unordered_set>
#include <vector>

#include "harness/generate/lanes.h"

namespace ovlcheck::generate {

// Hands out lanes until all sequences were run. A lane does a prefix of changes and then tries one operation
// after the other until one changes something; what is left to try goes on in another lane. Sequences that a
// scenario with one object has too, and mirror images, are left out. From the third change on only one of all
// sequences that lead to the same state goes on.
class Enumeration : public Source {
 public:
  // `depth`: most changes in a sequence; scenarios [first, last) only.
  Enumeration(unsigned depth, size_t first, size_t last);

  std::vector<Lane> take(size_t count) override;
  void give_back(const std::vector<Lane>& lanes) override;

 private:
  struct Item {
    const Scenario* scenario;
    std::vector<Operation> prefix;
    size_t from = 0, to = 0;  // candidates to try
  };
  class Tries;

  void enqueue(const Scenario& scenario, const std::vector<Operation>& prefix);
  bool may_follow(const Item& item, const Operation& last) const;

  unsigned depth_;
  std::vector<Operation> candidates_;
  std::deque<Item> queue_;
  std::unordered_set<uint64_t> expanded_;  // states
};

}  // namespace ovlcheck::generate
