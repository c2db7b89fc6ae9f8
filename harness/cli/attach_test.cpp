// Many cases under one mount: `stage` and `run --attach` on mounts that the test makes, and `run --staged`.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "harness/case/test_folder.h"
#include "harness/cli/commands.h"
#include "harness/results/results.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {
namespace {

constexpr int kCannotMount = 77;
const char* const kSelection =
    "--filter whiteouts --filter links --filter readdir --filter xattrs --no-expectations";

std::string program() {
  return std::filesystem::path(own_program()).parent_path() / "ovlcheck";
}

class Attach : public testing::Test {
 protected:
  const char* privilege() const { return is_real_root() ? "root" : "userns"; }
  std::string in(const std::string& name) const { return folder_.path() + "/" + name; }

  // Runs a script in a mount namespace; $program is ovlcheck, the current directory new and empty.
  int shell(const std::string& script) {
    folder_.put("script",
                fmt::format("set -e\nprogram={}\nmkdir -p {}\nmount -t tmpfs none {} || exit {}\ncd {}\n{}",
                            program(), in("layers"), in("layers"), kCannotMount, in("layers"), script));
    const std::string command = fmt::format("PATH={}:$PATH unshare {} sh {} >{} 2>&1",
                                            std::filesystem::path(program()).parent_path().string(),
                                            is_real_root() ? "-m" : "-Urm", in("script"), in("said"));
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string said() const {
    std::ifstream file(in("said"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  ovlcheck::Run run_normally(const std::string& subject, const std::string& more) {
    const std::string folder = in("run" + more);
    EXPECT_LE(shell(fmt::format("cd /; exec $program run --subject {} --privilege {} {} {} --output {}",
                                subject, privilege(), kSelection, more, folder)),
              1)
        << said();
    return read_results(folder);
  }

  // Stages, mounts with `mount`, runs there; compares with a run that mounts for every case.
  void compare(const std::string& subject, const std::string& mount) {
    const int status =
        shell(fmt::format(R"(
mkdir l0 l1 upper work merged
$program stage --lower l0 --lower l1 --upper upper --subject {0} {1}
{2} || exit {3}
$program run --attach merged --upper upper --lower l0 --lower l1 --subject {0} {4} --output {5} || [ $? = 1 ]
umount merged)",
                          subject, "--filter whiteouts --filter links --filter readdir --filter xattrs",
                          mount, kCannotMount, kSelection, in("attached")));
    if (status == kCannotMount) GTEST_SKIP() << subject << " cannot be mounted here: " << said();
    ASSERT_EQ(status, 0) << said();
    std::map<std::string, Outcome> normal;
    for (Outcome& outcome : run_normally(subject, "").outcomes)
      normal[outcome.case_name] = std::move(outcome);
    size_t compared = 0;
    for (const Outcome& outcome : read_results(in("attached")).outcomes) {
      if (outcome.verdict == Verdict::skip) {
        EXPECT_NE(outcome.reason, "") << outcome.case_name;
        continue;
      }
      // A sandbox keeps the programs it starts from making devices; the daemon here was started outside of
      // one.
      if (subject != "kernel" && outcome.case_name.find("device") != std::string::npos) continue;
      EXPECT_EQ(verdict_name(outcome.verdict), std::string(verdict_name(normal[outcome.case_name].verdict)))
          << outcome.case_name << " " << outcome.reason;
      ++compared;
    }
    EXPECT_GT(compared, 50U);
  }

  TestFolder folder_;
};

TEST_F(Attach, OutcomesOnAKernelMountAreThoseOfARunThatMountsItself) {
  const char* userxattr = is_real_root() ? "" : ",userxattr";
  compare(
      "kernel",
      fmt::format("mount -t overlay none -o lowerdir=l0:l1,upperdir=upper,workdir=work{} merged", userxattr));
}

TEST_F(Attach, OutcomesOnAFuseMountToo) {
  if (std::system("command -v fuse-overlayfs >/dev/null") != 0)
    GTEST_SKIP() << "fuse-overlayfs is not installed";
  compare("fuse-overlayfs", "fuse-overlayfs -o lowerdir=l0:l1,upperdir=upper,workdir=work merged");
}

TEST_F(Attach, AStageServesOneRun) {
  const int status = shell(fmt::format(R"(
mkdir lower upper work merged
$program stage --lower lower --upper upper --filter links
mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work{} merged || exit {}
run() {{ $program run --attach merged --upper upper --filter links --output {}/$1; }}
run first || :
run second
)",
                                       is_real_root() ? "" : ",userxattr", kCannotMount, in("runs")));
  if (status == kCannotMount) GTEST_SKIP() << "overlayfs cannot be mounted here";
  EXPECT_EQ(status, kDeviations) << said();
  EXPECT_NE(said().find("every stage serves one run"), std::string::npos) << said();
}

TEST_F(Attach, BadInputIsTold) {
  EXPECT_EQ(shell("mkdir m; exec $program run --attach m"), kBadInput);
  EXPECT_NE(said().find("--upper"), std::string::npos) << said();
  EXPECT_EQ(shell("mkdir m u; exec $program run --attach m --upper u"), kBadInput);
  EXPECT_NE(said().find("--subject"), std::string::npos) << said();
  EXPECT_EQ(shell("mkdir l u; touch u/f; exec $program stage --lower l --upper u"), kBadInput);
  EXPECT_NE(said().find("u is not an empty directory"), std::string::npos) << said();
}

TEST_F(Attach, StagedRunsGiveTheSameOutcomes) {
  auto verdicts = [](const ovlcheck::Run& run) {
    std::map<std::string, std::string> all;
    for (const Outcome& outcome : run.outcomes) all[outcome.case_name] = verdict_name(outcome.verdict);
    return all;
  };
  const auto normal = verdicts(run_normally("kernel", ""));
  ASSERT_GT(normal.size(), 100U);
  EXPECT_EQ(normal, verdicts(run_normally("kernel", "--staged")));
}

}  // namespace
}  // namespace ovlcheck
