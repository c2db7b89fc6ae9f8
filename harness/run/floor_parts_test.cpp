#include "harness/run/floor_parts.h"

#include <gtest/gtest.h>

#include <set>

#include "harness/run/floor.h"

namespace ovlcheck {
namespace {

TEST(FloorParts, TellEveryPartOfACase) {
  const Case c =
      case_from_json(Json::parse(R"({"id": "one", "title": "Make a directory", "clauses": ["READ-1"],
                      "steps": [{"mkdir": "d"}], "after": {"merged": {"d/": {}}}})"),
                     "floor", "");
  std::vector<FloorPart> parts;
  try {
    parts = measure_floor_parts(c, 3);
  } catch (const std::runtime_error& problem) {
    GTEST_SKIP() << problem.what();
  }
  std::set<std::string> names;
  for (const FloorPart& part : parts) {
    names.insert(part.name);
    EXPECT_GE(part.microseconds, 0) << part.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{"layers", "mount", "steps", "snapshot", "unmount", "discard",
                                          "judge", "protocol", "report"}));
}

TEST(Floor, ScalesByWhatTwoWorkersTake) {
  EXPECT_DOUBLE_EQ((Floor{.harness = 100, .two_jobs = 50}.scaling()), 2);
  EXPECT_EQ((Floor{.harness = 100}.scaling()), 0) << "not measured";
}

}  // namespace
}  // namespace ovlcheck
