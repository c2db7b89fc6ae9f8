#include "harness/run/image_mount.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "adapters/vm/disk.h"
#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

class ImageMount : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loop devices are for root";
    std::string directory = fs::temp_directory_path() / "ovlcheck-image-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    std::ofstream(directory + "/f") << "x";
    if (const auto missing = missing_maker("erofs"); missing.empty())
      image_.append(make_image("erofs", directory)->read());
    fs::remove_all(directory);
    if (image_.size() == 0) GTEST_SKIP() << missing_maker("erofs");
  }

  // Is there a loop device with the image in it?
  bool attached() const {
    for (const auto& device : fs::directory_iterator("/sys/block")) {
      std::string backing;
      std::getline(std::ifstream(device.path() / "loop/backing_file"), backing);
      if (backing.find(name_) != backing.npos) return true;
    }
    return false;
  }

  std::string name_ = "ovlcheck-test-" + std::to_string(getpid());
  MemoryFile image_{name_.c_str()};
};

TEST_F(ImageMount, LeavesNoLoopDeviceBehindAKilledProcess) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        _exit(1);
      mount_image(image_.fd(), "erofs", "/tmp", ImageUse::read_only);
    } catch (const std::exception&) {
      _exit(1);
    }
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(1);
  }
  (void)close(ready[1]);
  char byte;
  const bool is_mounted = read(ready[0], &byte, 1) == 1;
  (void)close(ready[0]);
  const bool was_attached = attached();
  (void)kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  if (!is_mounted) GTEST_SKIP() << "no loop devices or no erofs here";
  EXPECT_TRUE(was_attached);
  for (int i = 0; i < 100 && attached(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(attached());
}

TEST_F(ImageMount, GivesWorkersAnotherFileSystem) {
  PoolRequest request;
  request.program = OVLCHECK_PROGRAM;
  request.subjects = {{"kernel", ""}};
  request.sandbox.privilege = Privilege::root;
  request.sandbox.scratch_fs = "ext4";
  request.sandbox.lower_fs = "erofs";
  const auto kernel = probe(request).front();
  if (!kernel.missing.empty()) GTEST_SKIP() << kernel.missing;
  EXPECT_EQ(kernel.fs, "ext4, lowers erofs");
  Session session(request, request.subjects.front());
  const auto run = [&](const char* json) { return session.run(case_from_json(Json::parse(json), "fs", "")); };
  const Outcome written = run(R"({"id": "a", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
      "steps": [{"put": "f", "data": "new"}], "after": {"merged": {"f": "new"}, "lower[0]": {"f": "old"}}})");
  EXPECT_EQ(written.verdict, Verdict::pass) << written.reason;
  const Outcome offline = run(R"({"id": "b", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}],
      "steps": [{"offline": "lower[0]", "steps": [{"unlink": "f"}]}]})");
  EXPECT_EQ(offline.reason, "changes a lower layer, which is a read-only image of erofs");
  const Outcome samefs =
      run(R"({"id": "c", "title": "t", "clauses": ["X-1"], "requires": {"needs": ["samefs"]},
      "steps": []})");
  EXPECT_EQ(samefs.reason, "needs all layers on one file system");
}

TEST(ScratchFs, GivesEveryLowerLayerATmpfsOfItsOwn) {
  PoolRequest request;
  request.program = OVLCHECK_PROGRAM;
  request.subjects = {{"kernel", ""}};
  request.sandbox.lower_fs = "tmpfs";
  const auto kernel = probe(request).front();
  if (!kernel.missing.empty()) GTEST_SKIP() << kernel.missing;
  EXPECT_EQ(kernel.fs, "tmpfs, lowers tmpfs");
  Session session(request, request.subjects.front());
  const Outcome outcome =
      session.run(case_from_json(Json::parse(R"({"id": "a", "title": "t", "clauses": ["X-1"],
      "lower": [{"f": "old"}, {"g": "old"}],
      "steps": [{"stat": "f", "as": "f"}, {"stat": "g", "as": "g"}, {"put": "f", "data": "new"},
                {"offline": "lower[0]", "steps": [{"stat": "f", "as": "first", "expect": {"nlink": 1}}]},
                {"offline": "lower[1]", "steps": [{"stat": "g", "expect": {"dev": {"differs_from": "first.dev"}}}]},
                {"offline": "upper", "steps": [{"stat": "f", "expect": {"dev": {"differs_from": "first.dev"}}}]}],
      "after": {"lower[0]": {"f": "old"}, "lower[1]": {"g": "old"}}})"),
                                 "fs", ""));
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
}

TEST(ScratchFs, NeedsRealRootForLowerImages) {
  PoolRequest request;
  request.program = OVLCHECK_PROGRAM;
  request.subjects = {{"kernel", ""}};
  request.sandbox.privilege = Privilege::user_namespace;
  request.sandbox.lower_fs = "erofs";
  EXPECT_NE(probe(request).front().missing, "");
}

}  // namespace
}  // namespace ovlcheck
