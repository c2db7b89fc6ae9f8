#include "adapters/userspace/userspace_adapter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <string>

#include "harness/ops/fd.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

// userlay in an ordinary directory, with whatever rights the test was started with.
class UserspaceAdapterTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(path_.data()), nullptr);
    directory_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(directory_);
    for (const char* name : {"lower0", "upper", "work", "merged"})
      ASSERT_EQ(::mkdirat(directory_.get(), name, 0755), 0);
    put("lower0/f", "lower");
    ASSERT_EQ(::mkfifoat(directory_.get(), "lower0/fifo", 0600), 0);
    ASSERT_EQ(::symlinkat("../../../f", directory_.get(), "lower0/out"), 0);
    dirs_.dir = directory_.get();
    dirs_.path = path_;
    dirs_.lowers = {"lower0"};
    dirs_.upper = "upper";
    dirs_.work = "work";
  }
  void TearDown() override {
    mount_.reset();
    EXPECT_TRUE(remove_below(directory_.get()));
    EXPECT_EQ(::rmdir(path_.c_str()), 0);
  }

  void put(const std::string& name, const std::string& data) {
    const Fd fd(::openat(directory_.get(), name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    ASSERT_EQ(::write(fd.get(), data.data(), data.size()), static_cast<ssize_t>(data.size()));
  }
  bool exists(const std::string& name) const {
    return ::faccessat(directory_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }

  void start(const Options& options = {}) {
    auto mounted = adapter()->mount(dirs_, options);
    ASSERT_TRUE(mounted) << mounted.error().message;
    mount_ = std::move(*mounted);
  }
  static std::unique_ptr<Adapter> adapter(const Options& defaults = {}) {
    return make_userlay_adapter(environment(), defaults);
  }
  // Without any namespace, marks in user.* xattrs.
  static Environment environment() {
    Environment environment;
    environment.privilege = "none";
    return environment;
  }

  Vfs& vfs() { return mount_->vfs(); }
  Sys<int> open(const std::string& path, int flags, mode_t mode = 0) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags);
    how.mode = mode;
    return vfs().open({AT_FDCWD, path}, how);
  }

  std::string path_ = testing::TempDir() + "userlay-XXXXXX";
  Fd directory_;
  LayerDirs dirs_;
  std::unique_ptr<Mount> mount_;
};

TEST_F(UserspaceAdapterTest, WritesGoToUpper) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto fd = open("f", O_RDWR);
  ASSERT_TRUE(fd);
  EXPECT_EQ(vfs().write(*fd, "upper", std::nullopt).value_or(0), 5u);
  EXPECT_EQ(vfs().read(*fd, 9, 0).value_or(""), "upper");
  EXPECT_TRUE(vfs().close(*fd));
  EXPECT_TRUE(exists("upper/f"));
  EXPECT_TRUE(vfs().mkdir({AT_FDCWD, "d"}, 0755));
  EXPECT_TRUE(exists("upper/d"));
  EXPECT_TRUE(mount_->unmount());
}

TEST_F(UserspaceAdapterTest, NothingLeadsOut) {
  ASSERT_NO_FATAL_FAILURE(start());
  for (const char* path : {"out", "../../f", "/../f"}) {
    const auto fd = open(path, O_RDONLY);
    ASSERT_TRUE(fd) << path;
    EXPECT_EQ(vfs().read(*fd, 9, std::nullopt).value_or(""), "lower");
  }
}

TEST_F(UserspaceAdapterTest, FollowsFortyLinks) {
  ASSERT_NO_FATAL_FAILURE(start());
  std::string target = "f";
  for (int i = 1; i <= 41; ++i) {
    const std::string name = "link" + std::to_string(i);
    ASSERT_TRUE(vfs().symlink(target, {AT_FDCWD, name}));
    target = name;
  }
  EXPECT_TRUE(open("link40", O_RDONLY));
  EXPECT_EQ(open("link41", O_RDONLY).error(), ELOOP);
}

TEST_F(UserspaceAdapterTest, DescriptorsKeepItBusy) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto fd = open("f", O_PATH);
  ASSERT_TRUE(fd);
  EXPECT_EQ(mount_->unmount().error(), EBUSY);
  EXPECT_TRUE(vfs().close(*fd));
  EXPECT_TRUE(mount_->unmount());
}

TEST_F(UserspaceAdapterTest, DescriptorsAreSharedByActors) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto fd = open("f", O_RDONLY);
  ASSERT_TRUE(fd);
  Actor actor;
  actor.uid = actor.gid = 12345;
  const auto other = vfs().act_as(actor);
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)->read(*fd, 2, std::nullopt).value_or(""), "lo");
  EXPECT_EQ(vfs().read(*fd, 9, std::nullopt).value_or(""), "wer");
  EXPECT_EQ((*other)->chmod({AT_FDCWD, "f"}, 0600).error(), EPERM);
  actor.caps = {"CAP_NONSENSE"};
  EXPECT_EQ(vfs().act_as(actor).error(), EINVAL);
}

TEST_F(UserspaceAdapterTest, WhoeverMountsIsRoot) {
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_TRUE(vfs().chown({AT_FDCWD, "f"}, true, 0, 0));
  const auto status = vfs().stat({AT_FDCWD, "f"}, true, STATX_BASIC_STATS);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->stx_uid, 0u);
  EXPECT_EQ(status->stx_gid, 0u);
  if (::geteuid() == 0) return;
  EXPECT_EQ(vfs().chown({AT_FDCWD, "f"}, true, 7, 0).error(), EINVAL);
}

TEST_F(UserspaceAdapterTest, FlockWaitsForTheHolder) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto a = open("f", O_RDONLY), b = open("f", O_RDONLY);
  ASSERT_TRUE(a && b);
  ASSERT_TRUE(vfs().flock(*a, LOCK_EX));
  const auto other = vfs().act_as(Actor{});
  ASSERT_TRUE(other);
  auto waiting = std::async(std::launch::async, [&] { return (*other)->flock(*b, LOCK_EX).has_value(); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  EXPECT_TRUE(vfs().close(*a));
  EXPECT_TRUE(waiting.get());
}

TEST_F(UserspaceAdapterTest, FifosLeaveNothingBehind) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto in = open("fifo", O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(in);
  const auto out = open("fifo", O_WRONLY | O_NONBLOCK);
  ASSERT_TRUE(out);
  EXPECT_TRUE(vfs().write(*out, "through", std::nullopt));
  EXPECT_EQ(vfs().read(*in, 9, std::nullopt).value_or(""), "through");
  EXPECT_TRUE(vfs().close(*in));
  EXPECT_TRUE(vfs().close(*out));
  EXPECT_EQ(open("fifo", O_WRONLY | O_NONBLOCK).error(), ENXIO);
  Tree left = snapshot(directory_.get());
  EXPECT_EQ(left.children.size(), 4u);
}

TEST_F(UserspaceAdapterTest, MountsReadOnlyWithoutUpper) {
  dirs_.upper = dirs_.work = "";
  dirs_.lowers = {"upper", "lower0"};
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(open("f", O_WRONLY).error(), EROFS);
  EXPECT_EQ(vfs().mkdir({AT_FDCWD, "d"}, 0755).error(), EROFS);
  EXPECT_TRUE(open("f", O_RDONLY));
}

TEST_F(UserspaceAdapterTest, MountErrorsSayWhy) {
  const auto unknown = adapter()->mount(dirs_, {{"colour", "blue"}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().error, EINVAL);
  EXPECT_NE(unknown.error().message.find("colour=blue"), std::string::npos) << unknown.error().message;
  dirs_.lowers = {"missing"};
  const auto missing = adapter()->mount(dirs_, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().error, ENOENT);
}

TEST_F(UserspaceAdapterTest, KnowsItsOptions) {
  Environment root;
  root.privilege = "root";
  const auto privileged = make_userlay_adapter(root, {{"metacopy", "on"}});
  const Options effective = privileged->effective({{"index", "on"}});
  EXPECT_EQ(effective.at("metacopy"), "on");
  EXPECT_EQ(effective.at("redirect_dir"), "on");
  EXPECT_EQ(effective.at("index"), "on");
  EXPECT_EQ(privileged->effective({{"metacopy", "off"}}).at("redirect_dir"), "follow");
  EXPECT_FALSE(privileged->effective({}).contains("userxattr"));
  EXPECT_TRUE(adapter()->effective({}).contains("userxattr"));
  EXPECT_EQ(adapter()->effective({}).at("redirect_dir"), "nofollow");

  Case verity;
  verity.mount["verity"] = "on";
  EXPECT_TRUE(adapter()->cannot(verity));
  EXPECT_FALSE(adapter()->cannot(Case{}));
  EXPECT_FALSE(adapter()->missing(environment()));
}

}  // namespace
}  // namespace ovlcheck
