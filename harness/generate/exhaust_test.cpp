#include "harness/generate/exhaust.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ovlcheck::generate {
namespace {

size_t scenario_index(const std::string& name) {
  for (size_t i = 0; i < scenarios().size(); ++i)
    if (scenarios()[i].name == name) return i;
  throw std::runtime_error("no scenario " + name);
}

// Plays a reference on which every change works, and returns the sequences of the enumeration as changes
// only.
std::set<std::vector<std::string>> sequences(unsigned depth, const std::string& scenario) {
  const size_t index = scenario_index(scenario);
  Enumeration enumeration(depth, index, index + 1);
  std::set<std::vector<std::string>> all;
  uint64_t state = 0;
  for (auto lanes = enumeration.take(100); !lanes.empty(); lanes = enumeration.take(100)) {
    for (auto& lane : lanes) {
      Observed worked;
      std::vector<std::string> changes;
      for (const auto* next = lane.script->next(nullptr); next; next = lane.script->next(&worked)) {
        lane.done.push_back(*next);
        if (forms()[next->form].changes) changes.push_back(step_of(*next, "").dump());
      }
      lane.state = ++state;
      if (!changes.empty()) all.insert(changes);
    }
    enumeration.give_back(lanes);
  }
  return all;
}

size_t changes() {
  const auto all = all_operations();
  return static_cast<size_t>(
      std::count_if(all.begin(), all.end(), [](const Operation& o) { return forms()[o.form].changes; }));
}

TEST(Enumeration, TriesEveryChangeOnceFromOneObject) {
  EXPECT_EQ(sequences(1, "lower-file+absent").size(), changes());
}

TEST(Enumeration, LeavesOutWhatOneObjectShowsToo) {
  for (const auto& sequence : sequences(1, "lower-dir+lower-file")) {
    const Json step = Json::parse(sequence.front());
    EXPECT_TRUE(step.contains("rename") || step.contains("link")) << sequence.front();
  }
}

TEST(Enumeration, LeavesOutMirrorImages) {
  for (const auto& sequence : sequences(1, "lower-file+lower-file"))
    EXPECT_NE(sequence.front().find("\"a"), std::string::npos) << sequence.front();
}

TEST(Enumeration, FollowsEveryChangeByEveryChange) {
  const auto all = sequences(2, "lower-file+absent");
  EXPECT_EQ(all.size(), changes() * (changes() + 1));
}

TEST(Enumeration, HasEveryClassAloneAndEveryPairOnce) {
  std::set<std::string> names;
  for (const auto& scenario : scenarios()) EXPECT_TRUE(names.insert(scenario.name).second) << scenario.name;
  for (const auto& name : object_classes()) EXPECT_TRUE(names.contains(name + "+absent")) << name;
  const size_t classes = object_classes().size();
  EXPECT_EQ(names.size(), classes * (classes + 1) / 2 + 1);
}

}  // namespace
}  // namespace ovlcheck::generate
