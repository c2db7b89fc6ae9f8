// Random: long sequences with descriptors, another user, remounts and changes made while unmounted, weighted
// towards rare states.
#pragma once

#include "harness/generate/lanes.h"

namespace ovlcheck::generate {

// One arena full of random sequences. The same seed, chunk and environment give the same sequences as long as
// the reference answers alike.
class RandomSequences : public Source {
 public:
  static constexpr size_t kLanes = 256;
  static constexpr size_t kSteps = 48;  // of a sequence

  // What needs real root or more than one user id is left out where `environment` has neither.
  RandomSequences(uint64_t seed, size_t chunk, const Environment& environment);

  std::vector<Lane> take(size_t count) override;
  void give_back(const std::vector<Lane>&) override {}
  Options options() const override { return options_; }

 private:
  uint64_t seed_;
  size_t taken_ = 0;
  Options options_;
  bool other_user_;
};

}  // namespace ovlcheck::generate
