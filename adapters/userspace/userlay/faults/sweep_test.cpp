#include "adapters/userspace/userlay/faults/sweep.h"

namespace userlay::faults {
namespace {

class FaultSweep : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_trace()) GTEST_SKIP() << "cannot change system calls of a child here";
  }
};

std::string plain_options() {
  return testing::is_root() ? "" : "userxattr";
}

TEST_F(FaultSweep, EveryPointOfEveryScenarioIsLegal) {
  Swept total;
  for (const Scenario& scenario : scenarios()) {
    for (const std::string& options : options_for(scenario, Extent::kShort)) {
      const Swept swept = sweep(scenario, options, Extent::kShort);
      for (const std::string& line : swept.illegal) ADD_FAILURE() << line;
      total.points += swept.points;
      total.illegal.insert(total.illegal.end(), swept.illegal.begin(), swept.illegal.end());
    }
  }
  EXPECT_GT(total.points, 500u);
  std::cout << in_words(total) << "\n";
}

Scenario of_two_files(std::function<int(testing::Paths&)> run) {
  const auto prepare = [](const testing::Layers& layers) {
    testing::put(layers.lower() / "a", "a");
    testing::put(layers.lower() / "b", "b");
  };
  return {"two files", prepare, std::move(run)};
}

TEST_F(FaultSweep, WhatIsHalfDoneIsIllegal) {
  const Scenario halves = of_two_files([](testing::Paths& p) {
    const int first = p.unlink("a");
    return first == 0 || first == ENOENT ? p.unlink("b") : first;
  });
  EXPECT_FALSE(sweep(halves, plain_options(), Extent::kWhole).illegal.empty());
}

TEST_F(FaultSweep, AnErrorThatIsKeptSecretIsIllegal) {
  const Scenario deaf = of_two_files([](testing::Paths& p) {
    (void)p.unlink("a");
    return 0;
  });
  EXPECT_FALSE(sweep(deaf, plain_options(), Extent::kWhole).illegal.empty());
}

TEST_F(FaultSweep, WhatFailsByItselfIsIllegal) {
  const Scenario failing = of_two_files([](testing::Paths&) { return EIO; });
  const Swept swept = sweep(failing, plain_options(), Extent::kShort);
  ASSERT_EQ(swept.illegal.size(), 1u);
  EXPECT_NE(swept.illegal[0].find("without a fault"), std::string::npos);
}

TEST_F(FaultSweep, CountsCallsAboutFilesOnly) {
  const auto calls = run_traced({}, [] {
    Watched::begin();
    const int fd = ::open("/", O_PATH | O_CLOEXEC);
    Watched::end();
    return ::close(fd);
  });
  ASSERT_EQ(calls.calls.size(), 1u);
  EXPECT_EQ(call_name(calls.calls[0]), "openat");
  EXPECT_EQ(calls.status, 0);
}

TEST_F(FaultSweep, AFaultIsSeenByTheProgram) {
  const auto answer = [](Fault fault) {
    return run_traced({1, fault},
                      [] {
                        Watched::begin();
                        const int fd = ::open("/", O_PATH | O_CLOEXEC);
                        const int error = fd < 0 ? errno : 0;
                        Watched::end();
                        return error;
                      })
        .status;
  };
  EXPECT_EQ(WEXITSTATUS(answer(Fault::kEnospc)), ENOSPC);
  EXPECT_EQ(WEXITSTATUS(answer(Fault::kEintr)), EINTR);
  EXPECT_EQ(WTERMSIG(answer(Fault::kKill)), SIGKILL);
}

}  // namespace
}  // namespace userlay::faults
