#include "harness/run/kernel_counters.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "adapters/vm/test_gcov_files.h"
#include "harness/case/test_folder.h"

namespace ovlcheck {
namespace {

class KernelCountersTest : public ::testing::Test {
 protected:
  KernelCountersTest() {
    build_.put("dir.gcno", gcov_test_notes());
    const std::string zero = gcov_test_data(0, 0, 0);
    std::vector<uint32_t> words(zero.size() / 4);
    std::memcpy(words.data(), zero.data(), zero.size());
    files_ = {{"files", {{{"path", build_.path() + "/dir.gcda"}, {"words", words}}}}};
  }

  // One run of the cases "a" (enters `first`) and "b" (both).
  void run() const {
    KernelCounters counters(folder());
    counters.introduce(files_);
    counters.add("kernel", "g/a", Json::parse(R"({"counts": [0, 3]})"));
    counters.introduce(files_);  // the second machine's
    counters.add("kernel", "g/b", Json::parse(R"({"counts": [1, 1, 2, 5]})"));
    counters.write();
  }

  std::string folder() const { return build_.path() + "/out"; }
  std::string content(const std::string& name) const {
    std::ifstream in(folder() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TestFolder build_;
  Json files_;
};

TEST_F(KernelCountersTest, AreSummedAndKnowWhoEnteredWhat) {
  run();
  EXPECT_EQ(content("dir.gcda"), gcov_test_data(3, 1, 5));
  EXPECT_EQ(content("dir.gcno"), gcov_test_notes());
  const Json reached = Json::parse(content("reached.json"));
  EXPECT_EQ(reached["cases"], Json({"g/a", "g/b"}));
  EXPECT_EQ(reached["functions"][0]["name"], "first");
  EXPECT_EQ(reached["functions"][0]["cases"], Json({0, 1}));
  EXPECT_EQ(reached["functions"][1]["cases"], Json({1}));
}

TEST_F(KernelCountersTest, OfSeveralRunsAddUp) {
  run();
  run();
  EXPECT_EQ(content("dir.gcda"), gcov_test_data(6, 2, 10));
}

TEST_F(KernelCountersTest, OfAnotherKernelAreRefused) {
  run();
  files_["files"][0]["path"] = build_.path() + "/other.gcda";
  build_.put("other.gcno", gcov_test_notes());
  KernelCounters counters(folder());
  EXPECT_THROW(counters.introduce(files_), std::runtime_error);
}

TEST_F(KernelCountersTest, AFolderOfSomethingElseIsRefused) {
  build_.put("reached.json", "{\"format\": 7}");
  try {
    KernelCounters counters(build_.path());
    FAIL();
  } catch (const std::runtime_error& problem) {
    EXPECT_EQ(std::string(problem.what()),
              build_.path() + "/reached.json: is of another format; remove the folder, or name another");
  }
}

}  // namespace
}  // namespace ovlcheck
