// Machines that lack something: each run must end by itself, say what is missing, with the right exit status,
// and keep what was done.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include "harness/run/leftovers.h"

namespace ovlcheck {
namespace {

struct Ran {
  int status = -1;
  std::string said;
};

Ran shell(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (!pipe) return ran;
  std::array<char, 4096> chunk;
  for (size_t got = 0; (got = ::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    ran.said.append(chunk.data(), got);
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

class BrokenMachine : public testing::Test {
 protected:
  void SetUp() override {
    if (shell("unshare -Urm mount -t tmpfs none /mnt").status != 0) GTEST_SKIP() << "no user namespaces";
    before_ = Leftovers::now();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(before_.difference(std::chrono::seconds(5)), "");
  }

  // Runs ovlcheck after some shell commands, in namespaces where those may mount. $OUT is a folder that is
  // gone afterwards.
  static Ran on_machine(const std::string& made_so, const std::string& arguments) {
    return shell("unshare -Urm sh -c 'mount -t tmpfs none /mnt; OUT=/mnt/out; mkdir $OUT; " + made_so + "; " +
                 OVLCHECK_PROGRAM + " run --no-expectations --jobs 2 --filter readdir " + arguments +
                 "; echo \"status $?\"; head -c 300 $OUT/run/events.jsonl'");
  }

  Leftovers before_;
};

bool says(const Ran& ran, const std::string& words) {
  return ran.said.find(words) != std::string::npos;
}

TEST_F(BrokenMachine, NothingMissingPasses) {
  const Ran ran = on_machine("true", "--subject userlay --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 0")) << ran.said;
}

TEST_F(BrokenMachine, AReadOnlyFolderForResultsIsSaid) {
  const Ran ran = on_machine("mount -t tmpfs -o ro none $OUT", "--subject userlay --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 3")) << ran.said;
  EXPECT_TRUE(says(ran, "Read-only file system")) << ran.said;
}

TEST_F(BrokenMachine, AFullFolderForResultsKeepsWhatWasDone) {
  const Ran ran =
      on_machine("mount -t tmpfs -o size=8k,mode=0777 none $OUT", "--subject userlay --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 3")) << ran.said;
  EXPECT_TRUE(says(ran, "No space left on device")) << ran.said;
}

TEST_F(BrokenMachine, TooFewOpenFilesAreSaid) {
  const Ran ran = on_machine("ulimit -n 9", "--subject kernel --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 3") || says(ran, "status 1")) << ran.said;
  EXPECT_TRUE(says(ran, "Too many open files")) << ran.said;
}

TEST_F(BrokenMachine, WithoutDevFuseItsSubjectsAreSkipped) {
  const Ran ran = on_machine("mount --bind /dev/null /dev/fuse", "--subject userlay-fuse --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 0")) << ran.said;
  EXPECT_TRUE(says(ran, "no /dev/fuse")) << ran.said;
}

TEST_F(BrokenMachine, WithoutFusermountDaemonsAreMountedAllTheSame) {
  // The sandbox's root mounts by itself.
  const Ran ran = on_machine(
      "for name in fusermount3 fusermount; do ! program=$(command -v $name) || mount --bind /dev/null "
      "$program; done",
      "--subject userlay-fuse --output $OUT/run");
  EXPECT_TRUE(says(ran, "status 0")) << ran.said;
}

TEST_F(BrokenMachine, AMemoryLimitCostsOnlyTheProgramThatExceedsIt) {
  const Ran ran =
      shell(R"(
    root=$(sed -n 's|^cgroup /\([^ ]*\) cgroup .*memory.*|/\1|p' /proc/mounts | head -n 1)
    limit=memory.limit_in_bytes
    [ -n "$root" ] || { root=/sys/fs/cgroup; limit=memory.max; }
    group=$root/ovlcheck-test-$$ out=$(mktemp -d)
    mkdir "$group" && echo 150M >"$group/$limit" && echo $$ >"$group/cgroup.procs" || { rmdir "$group"; echo "there is no such group"; exit; }
    cat >"$out/hog.json" <<'JSON'
    {"group": "hog", "cases": [
      {"id": "before", "title": "A", "clauses": ["X-1"], "steps": [{"mkdir": "d"}]},
      {"id": "hog", "title": "A", "clauses": ["X-1"], "steps": [{"run": ["perl", "-e", "$x = 'a' x 700000000"], "expect": {"status": 0}}]},
      {"id": "after", "title": "A", "clauses": ["X-1"], "steps": [{"mkdir": "d"}]}]}
JSON
    ")" OVLCHECK_PROGRAM
            R"(" run --no-expectations --subject kernel --cases "$out/hog.json" --jobs 1 --output "$out/run"
    echo "status $?"
    echo $$ >"$root/cgroup.procs"
    rmdir "$group"; rm -r "$out")");
  if (says(ran, "there is no such group")) GTEST_SKIP() << "no memory limit to be had: " << ran.said;
  EXPECT_TRUE(says(ran, "status 1")) << ran.said;
  EXPECT_TRUE(says(ran, "3 outcomes: 2 pass")) << ran.said;
  EXPECT_TRUE(says(ran, "hog/hog")) << ran.said;
}

TEST_F(BrokenMachine, WithoutUserNamespacesMountsAreSkippedAndUserlayRuns) {
  // As an ordinary user, who has no other way: the ids are those of a namespace that allows no more.
  const std::string none = "echo 0 > /proc/sys/user/max_user_namespaces";
  const Ran demanded = on_machine(none, "--subject kernel --privilege userns --output $OUT/run");
  EXPECT_FALSE(says(demanded, "status 0")) << demanded.said;
  EXPECT_TRUE(says(demanded, "max_user_namespaces")) << demanded.said;
  const Ran automatic = on_machine(none, "--subject userlay --output $OUT/run");
  EXPECT_TRUE(says(automatic, "status 0")) << automatic.said;
}

TEST_F(BrokenMachine, WhereMountIsForbiddenThatIsSaid) {
  // Root of a namespace that has lost the right to mount.
  const Ran ran = shell(
      "unshare -Urm sh -c 'mount -t tmpfs none /mnt; exec setpriv --bounding-set -sys_admin --inh-caps "
      "-sys_admin " +
      std::string(OVLCHECK_PROGRAM) +
      " run --no-expectations --filter readdir --subject kernel --privilege root --output /mnt/run'; echo "
      "\"status $?\"");
  EXPECT_FALSE(says(ran, "status 0")) << ran.said;
  EXPECT_TRUE(says(ran, "Operation not permitted")) << ran.said;
}

}  // namespace
}  // namespace ovlcheck
