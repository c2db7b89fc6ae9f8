#include "harness/generate/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ovlcheck::generate {
namespace {

bool has_step(const Json& c, const char* operation) {
  return std::any_of(c["steps"].begin(), c["steps"].end(),
                     [&](const Json& step) { return step.contains(operation); });
}

const Json kLong = Json::parse(R"({
  "mount": {"index": "on", "volatile": true},
  "lower": [{"a": {"file": "x", "mode": "0600"}, "d/": {"f": "y", ".": {"mode": "0700"}}}, {"z": "z"}],
  "upper": {"b": {"whiteout": true}},
  "steps": [{"stat": "a"}, {"put": "a", "data": "1", "flags": "O_TRUNC|O_CREAT|O_NONBLOCK"}, {"mkdir": "n", "expect": "EEXIST"},
            {"unlink": "a"}, {"readdir": "d"}, {"rmdir": "d"}],
  "after": {"merged": {}}})");

TEST(Shrink, KeepsOnlyTheStepsThatMatter) {
  const Json small =
      shrunk(kLong, [](const Json& c) { return has_step(c, "unlink") && has_step(c, "mkdir"); });
  EXPECT_EQ(small["steps"], Json::parse(R"([{"mkdir": "n"}, {"unlink": "a"}])"));
  EXPECT_FALSE(small.contains("after"));
  EXPECT_FALSE(small.contains("mount"));
}

TEST(Shrink, KeepsOnlyTheNodesThatMatter) {
  const Json small = shrunk(kLong, [](const Json& c) {
    return !c["lower"].empty() && c["lower"].back().contains("d/") && c["lower"].back()["d/"].contains("f");
  });
  EXPECT_EQ(small["lower"], Json::parse(R"([{"d/": {"f": "y"}}])"));
  EXPECT_EQ(small["upper"], Json::object());
  EXPECT_EQ(small["steps"].size(), 1u);
}

TEST(Shrink, LeavesOutFlagsOneByOne) {
  const Json small = shrunk(kLong, [](const Json& c) {
    return std::any_of(c["steps"].begin(), c["steps"].end(), [](const Json& step) {
      return step.value("flags", "").find("O_CREAT") != std::string::npos;
    });
  });
  EXPECT_EQ(small["steps"], Json::parse(R"([{"put": "a", "data": "1", "flags": "O_CREAT"}])"));
}

TEST(Shrink, DoesNotMakeACaseWaitForAFifo) {
  Json c = kLong;
  c["lower"][0]["p"] = {{"fifo", true}};
  const Json small = shrunk(c, [](const Json& candidate) {
    return has_step(candidate, "put") && candidate["lower"][0].contains("p");
  });
  EXPECT_EQ(small["steps"][0]["flags"], "O_NONBLOCK");
}

TEST(Shrink, AsksNoMoreThanItsBudget) {
  unsigned asked = 0;
  (void)shrunk(
      kLong,
      [&](const Json&) {
        ++asked;
        return false;
      },
      7);
  EXPECT_EQ(asked, 7u);
}

}  // namespace
}  // namespace ovlcheck::generate
