#include "harness/ops/observation.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Observation example() {
  Observation seen;
  seen.end = End::timeout;
  seen.reason = "no answer";
  seen.at_step = "/steps/1";
  seen.mount_error = "said no";
  seen.options = {{"redirect_dir", "on"}};
  seen.fs = "tmpfs";
  seen.privilege = "userns";
  seen.seconds = 0.25;
  StepResult step;
  step.ran = true;
  step.error = 2;
  step.touched = {"upper"};
  step.value = {{"data", "\xef\x9f\xbf"}};
  StepResult parallel;
  parallel.ran = true;
  parallel.skip = "not here";
  parallel.tracks = {{step}, {}};
  seen.steps = {step, parallel, StepResult{}};
  seen.trees["merged"] = tree_from_json(
      Json::parse(R"({".": {"ino": 7, "dev": 8, "nlink": 2}, "f": {"file": [{"digest": "00ff", "size": 9000}],
                      "trouble": "stat fails", "sparse": false}, "l": {"symlink": "t"}})"),
      "");
  return seen;
}

TEST(Observation, SurvivesTheWire) {
  const Json json = json_from_observation(example());
  const Observation back = observation_from_json(Json::parse(json.dump()));
  EXPECT_EQ(json_from_observation(back).dump(), json.dump());
  EXPECT_EQ(back.end, End::timeout);
  EXPECT_EQ(back.mount_error, "said no");
  ASSERT_EQ(back.steps.size(), 3U);
  EXPECT_EQ(back.steps[0].error, 2);
  EXPECT_EQ(back.steps[1].tracks.size(), 2U);
  EXPECT_EQ(back.steps[1].tracks[0][0].touched, std::vector<std::string>{"upper"});
  EXPECT_FALSE(back.steps[2].ran);
  EXPECT_EQ(back.trees.at("merged").children.at("f").trouble, "stat fails");
  EXPECT_EQ(back.trees.at("merged").ino, 7U);
}

TEST(Observation, LeavesOutWhatIsUsual) {
  StepResult fine;
  fine.ran = true;
  Observation seen;
  seen.steps = {fine};
  const Json json = json_from_observation(seen);
  EXPECT_EQ(json["steps"].dump(), "[{}]");
  EXPECT_FALSE(json.contains("reason"));
}

}  // namespace
}  // namespace ovlcheck
