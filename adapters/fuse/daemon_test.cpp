#include "adapters/fuse/daemon.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace ovlcheck {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<Daemon> shell(const std::string& script,
                              const std::map<std::string, std::string>& environment = {}) {
  auto daemon = Daemon::start({"sh", "-c", script}, environment);
  EXPECT_TRUE(daemon) << daemon.error();
  return std::move(*daemon);
}

// Not there, or only waiting for its parent to notice.
bool is_gone(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return !(file >> id >> name >> state) || state == "Z";
}

// Processes that are nobody's children here end a moment after their SIGKILL.
bool gone_soon(int pid) {
  for (int i = 0; i < 200 && !is_gone(pid); ++i) std::this_thread::sleep_for(milliseconds(10));
  return is_gone(pid);
}

// The first thing the program says, once it has said a whole line.
int said_pid(const Daemon& daemon) {
  for (int i = 0; i < 200 && daemon.said().find('\n') == std::string::npos; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  return std::stoi("0" + daemon.said());
}

TEST(Daemon, KeepsWhatTheProgramSaysAndHowItEnds) {
  const auto daemon = shell("pwd; echo \"$A\" >&2; cat; exit 3", {{"A", "b"}});
  ASSERT_TRUE(daemon->wait(seconds(10)));
  EXPECT_EQ(daemon->said(), "/\nb\n");
  EXPECT_EQ(daemon->said(2), "b\n");
  EXPECT_EQ(daemon->said(100), "");
  ASSERT_TRUE(daemon->status());
  EXPECT_EQ(describe_end(*daemon->status()), "ended with exit status 3");
}

TEST(Daemon, NamesTheSignal) {
  const auto daemon = shell("kill -SEGV $$");
  ASSERT_TRUE(daemon->wait(seconds(10)));
  ASSERT_TRUE(daemon->status());
  EXPECT_EQ(describe_end(*daemon->status()), "ended by signal 11");
}

TEST(Daemon, CannotBeFloodedOrBlockedByOutput) {
  const auto daemon = shell("yes | head -c 1000000; exit 0");
  ASSERT_TRUE(daemon->wait(seconds(10)));
  EXPECT_LE(daemon->said().size(), 64U * 1024);
  EXPECT_GE(daemon->said().size(), 60U * 1024);
}

TEST(Daemon, WaitsNoLongerThanAsked) {
  const auto daemon = shell("sleep 100");
  EXPECT_FALSE(daemon->wait(milliseconds(20)));
  EXPECT_FALSE(daemon->has_ended());
}

TEST(Daemon, IsKilledWithItsOwner) {
  auto daemon = shell("echo $$; exec sleep 100");
  const int pid = said_pid(*daemon);
  ASSERT_GT(pid, 0);
  daemon.reset();
  EXPECT_TRUE(is_gone(pid));
}

TEST(Daemon, StandsForTheProcessLeftInTheBackground) {
  auto daemon = shell("sleep 100 & echo $!; exit 0");
  const int pid = said_pid(*daemon);
  ASSERT_GT(pid, 0);
  EXPECT_FALSE(daemon->wait(milliseconds(50)));
  EXPECT_FALSE(daemon->has_ended());
  daemon.reset();
  EXPECT_TRUE(gone_soon(pid));
}

TEST(Daemon, TakesProcessesDownThatItsProgramWasAboutToLeave) {
  auto daemon = shell("sleep 100 & echo $!; sleep 100");
  const int pid = said_pid(*daemon);
  ASSERT_GT(pid, 0);
  daemon.reset();
  EXPECT_TRUE(gone_soon(pid));
}

TEST(Daemon, SaysThatThereIsNoProgram) {
  const auto daemon = Daemon::start({"no-such-program"}, {});
  ASSERT_FALSE(daemon);
  EXPECT_EQ(daemon.error(), "no-such-program is not there");
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program("/no/such"), "");
}

}  // namespace
}  // namespace ovlcheck
