#include "harness/generate/random.h"

#include <gtest/gtest.h>

#include <set>

namespace ovlcheck::generate {
namespace {

Environment environment(const std::string& privilege) {
  Environment made;
  made.privilege = privilege;
  made.mapped_uids = true;
  return made;
}

// The steps of all sequences of a chunk, as a reference on which everything works would have them.
std::string sequences(uint64_t seed, size_t chunk) {
  RandomSequences source(seed, chunk, environment("userns"));
  std::string all;
  for (auto& lane : source.take(1000)) {
    all += lane.scenario->name + ":";
    const Observed worked;
    for (const auto* next = lane.script->next(nullptr); next; next = lane.script->next(&worked))
      all += " " + step_of(*next, "").dump();
    all += "\n";
  }
  return all;
}

TEST(Random, GivesTheSameForTheSameSeed) {
  EXPECT_EQ(sequences(7, 3), sequences(7, 3));
  EXPECT_NE(sequences(7, 3), sequences(8, 3));
  EXPECT_NE(sequences(7, 3), sequences(7, 4));
}

TEST(Random, MountsAnewInAllLanesAtOnce) {
  RandomSequences source(1, 0, environment("userns"));
  std::set<std::vector<size_t>> places;
  for (auto& lane : source.take(1000)) {
    std::vector<size_t> remounts;
    size_t at = 0;
    const Observed worked;
    for (const auto* next = lane.script->next(nullptr); next; next = lane.script->next(&worked), ++at)
      if (is_of_the_harness(*next)) remounts.push_back(at);
    EXPECT_EQ(at, RandomSequences::kSteps);
    places.insert(remounts);
  }
  ASSERT_EQ(places.size(), 1u);
  EXPECT_GE(places.begin()->size(), 2u);
}

TEST(Random, UsesDescriptorsOnlyWhileTheyAreOpen) {
  RandomSequences source(5, 0, environment("userns"));
  for (auto& lane : source.take(1000)) {
    std::set<uint8_t> open;
    const Observed worked;
    for (const auto* next = lane.script->next(nullptr); next; next = lane.script->next(&worked)) {
      const Form& form = forms()[next->form];
      EXPECT_TRUE(form.on != On::descriptor || open.contains(next->other));
      if (form.on == On::opening) open.insert(next->other);
      if (form.name == "close") open.erase(next->other);
      if (form.on == On::harness) open.clear();
    }
  }
}

TEST(Random, TriesMountOptionsWhereTheyCanBeHad) {
  std::set<Options> root, userns;
  for (size_t chunk = 0; chunk < 20; ++chunk) {
    root.insert(RandomSequences(1, chunk, environment("root")).options());
    userns.insert(RandomSequences(1, chunk, environment("userns")).options());
  }
  EXPECT_GE(root.size(), 5u);
  EXPECT_EQ(userns.size(), 1u);
}

}  // namespace
}  // namespace ovlcheck::generate
