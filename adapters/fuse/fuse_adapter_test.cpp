#include "adapters/fuse/fuse_adapter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "harness/case/problem.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/layers.h"
#include "harness/ops/test_place.h"

namespace ovlcheck {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Tree tree(const std::string& json) {
  return tree_from_json(Json::parse(json), "");
}

bool have_dev_fuse() {
  return Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)).get() >= 0;
}

// Layers on disk, in an empty directory.
class Layers {
 public:
  Layers(int dir, const std::string& path, const Dialect& dialect, const std::vector<std::string>& lowers) {
    dirs.dir = dir;
    dirs.path = path;
    dirs.upper = "upper";
    dirs.work = "work";
    for (size_t i = 0; i < lowers.size(); ++i) {
      dirs.lowers.push_back("lower" + std::to_string(i));
      make(dirs.lowers.back());
      EXPECT_TRUE(build_tree(open(dirs.lowers.back()).get(), dialect.encode(tree(lowers[i]))));
    }
    for (const char* name : {"upper", "work", "merged"}) make(name);
  }

  Fd open(const std::string& name) const {
    return Fd(::openat(dirs.dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  Tree upper(const Dialect& dialect) const { return dialect.decode(snapshot(open("upper").get())); }

  LayerDirs dirs;

 private:
  void make(const std::string& name) const { EXPECT_EQ(::mkdirat(dirs.dir, name.c_str(), 0755), 0) << name; }
};

int error_of(const Sys<void>& result) {
  return result ? 0 : result.error();
}

std::string content(Vfs& vfs, const std::string& path) {
  const auto fd = vfs.open(At{AT_FDCWD, path}, {.flags = O_RDONLY});
  if (!fd) return "errno " + std::to_string(fd.error());
  const auto text = vfs.read(*fd, 100, std::nullopt);
  EXPECT_TRUE(vfs.close(*fd));
  return text ? *text : "errno " + std::to_string(text.error());
}

// Makes the calling process fit to mount.
bool enter_mounting(const std::string& privilege) {
  const bool entered = privilege == "root" ? ::unshare(CLONE_NEWNS) == 0 : enter_user_namespace();
  return entered && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool may_mount(const std::string& privilege) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(enter_mounting(privilege) ? 0 : 1);
  int status = 1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

// Tests run `body` in a child that may mount: real root, or root of a user namespace.
class Mounting : public ::testing::TestWithParam<std::string> {
 protected:
  void in_mounting_child(const std::string& program, const std::function<void(const Environment&)>& body) {
    if (GetParam() == "root" && !is_root()) GTEST_SKIP() << "needs real root";
    if (!may_mount(GetParam())) GTEST_SKIP() << "no user namespaces";
    if (!have_dev_fuse()) GTEST_SKIP() << "no /dev/fuse";
    if (find_program(program).empty()) GTEST_SKIP() << "no " << program;
    in_child([&] {
      ASSERT_TRUE(enter_mounting(GetParam()));
      body({.privilege = GetParam(), .mapped_uids = false, .dev_fuse = true, .kernel = "", .fs = ""});
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Privilege, Mounting, ::testing::Values("root", "userns"),
                         [](const auto& test) { return test.param; });

// Reads merged, removes a lower file, looks at what that left in upper.
void check_whiteout(const std::string& name, const Environment& environment) {
  const auto adapter = make_fuse_adapter(shipped_descriptor(name), environment, {});
  EXPECT_EQ(adapter->missing(environment), std::nullopt);
  EXPECT_EQ(adapter->version().substr(0, name.size() + 1), name + " ");
  const Scratch scratch;
  const Layers layers(
      scratch.dir(), scratch.path(), adapter->dialect(),
      {R"({"f": "top", "gone": {"whiteout": true}, "o/": {".": {"opaque": true}, "in": "1"}})",
       R"({"f": "below", "gone": "x", "g": "second", "o/": {"hidden": "2"}})"});
  auto mount = adapter->mount(layers.dirs, {});
  ASSERT_TRUE(mount) << mount.error().message;
  Vfs& vfs = (*mount)->vfs();
  EXPECT_EQ(content(vfs, "f"), "top");
  EXPECT_EQ(content(vfs, "g"), "second");
  EXPECT_EQ(content(vfs, "gone"), "errno " + std::to_string(ENOENT));
  EXPECT_EQ(content(vfs, "o/in"), "1");
  EXPECT_EQ(content(vfs, "o/hidden"), "errno " + std::to_string(ENOENT));
  EXPECT_TRUE(vfs.unlink(At{AT_FDCWD, "f"}));
  EXPECT_FALSE((*mount)->died());
  EXPECT_TRUE((*mount)->unmount());
  EXPECT_EQ(layers.upper(adapter->dialect()).children.at("f").type, NodeType::whiteout);

  // The same layers once more, as a remount does it.
  auto again = adapter->mount(layers.dirs, {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(content((*again)->vfs(), "f"), "errno " + std::to_string(ENOENT));
  EXPECT_TRUE((*again)->unmount());
}

TEST_P(Mounting, FuseOverlayfsHidesAndLeavesWhiteouts) {
  in_mounting_child("fuse-overlayfs",
                    [](const Environment& environment) { check_whiteout("fuse-overlayfs", environment); });
}

TEST_P(Mounting, UnionfsFuseHidesAndLeavesWhiteouts) {
  in_mounting_child("unionfs",
                    [](const Environment& environment) { check_whiteout("unionfs-fuse", environment); });
}

TEST_P(Mounting, MergerfsMergesAndLeavesLowersAlone) {
  in_mounting_child("mergerfs", [](const Environment& environment) {
    const auto adapter = make_fuse_adapter(shipped_descriptor("mergerfs"), environment, {});
    EXPECT_THROW(adapter->dialect().encode(tree(R"({"f": {"whiteout": true}})")), BadCase);
    const Scratch scratch;
    const Layers layers(scratch.dir(), scratch.path(), adapter->dialect(),
                        {R"({"f": "top"})", R"({"f": "below", "g": "second"})"});
    auto mount = adapter->mount(layers.dirs, {});
    ASSERT_TRUE(mount) << mount.error().message;
    EXPECT_EQ(content((*mount)->vfs(), "f"), "top");
    EXPECT_EQ(content((*mount)->vfs(), "g"), "second");
    EXPECT_EQ(error_of((*mount)->vfs().unlink(At{AT_FDCWD, "f"})), EROFS);
    EXPECT_TRUE((*mount)->vfs().mkdir(At{AT_FDCWD, "d"}, 0755));
    EXPECT_TRUE((*mount)->unmount());
    EXPECT_TRUE(layers.upper(adapter->dialect()).children.contains("d"));
  });
}

TEST_P(Mounting, IsReadOnlyWithoutAnUpperLayer) {
  in_mounting_child("fuse-overlayfs", [](const Environment& environment) {
    const auto adapter = make_fuse_adapter(shipped_descriptor("fuse-overlayfs"), environment, {});
    const Scratch scratch;
    Layers layers(scratch.dir(), scratch.path(), adapter->dialect(), {R"({"f": "top"})"});
    layers.dirs.upper.clear();
    layers.dirs.work.clear();
    auto mount = adapter->mount(layers.dirs, {});
    ASSERT_TRUE(mount) << mount.error().message;
    EXPECT_EQ(content((*mount)->vfs(), "f"), "top");
    EXPECT_EQ(error_of((*mount)->vfs().mkdir(At{AT_FDCWD, "d"}, 0755)), EROFS);
    EXPECT_TRUE((*mount)->unmount());
  });
}

// A file system that a program mounts without staying: overlayfs by mount(8), as a stranger's command.
TEST_P(Mounting, TakesACommandThatEndsOnceItHasMounted) {
  in_mounting_child("mount", [](const Environment& environment) {
    const std::string xattrs = environment.privilege == "root" ? "" : ",userxattr";
    const auto adapter = make_fuse_adapter(
        descriptor_for_command("mount -t overlay -o lowerdir={lower},upperdir={upper},workdir={work}" +
                               xattrs + " none {mount}"),
        environment, {});
    const Scratch scratch;
    if (::mount("scratch", scratch.path().c_str(), "tmpfs", 0, nullptr) != 0) return;
    {
      const Fd top(::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      const Layers layers(top.get(), scratch.path(), adapter->dialect(), {R"({"f": "top"})"});
      auto mount = adapter->mount(layers.dirs, {});
      if (mount || mount.error().error != ENODEV) {
        ASSERT_TRUE(mount) << mount.error().message;
        EXPECT_FALSE((*mount)->died());
        EXPECT_EQ(content((*mount)->vfs(), "f"), "top");
        EXPECT_TRUE((*mount)->vfs().unlink(At{AT_FDCWD, "f"}));
        EXPECT_FALSE((*mount)->died());
        EXPECT_TRUE((*mount)->unmount());
        EXPECT_EQ(layers.upper(adapter->dialect()).children.at("f").type, NodeType::whiteout);
      }
    }
    EXPECT_EQ(::umount2(scratch.path().c_str(), MNT_DETACH), 0);
  });
}

TEST_P(Mounting, TakesAProgramThatGoesToTheBackground) {
  in_mounting_child("fuse-overlayfs", [](const Environment& environment) {
    Descriptor descriptor = shipped_descriptor("fuse-overlayfs");
    std::erase(descriptor.mount, "-f");
    const auto adapter = make_fuse_adapter(descriptor, environment, {});
    const Scratch scratch;
    const Layers layers(scratch.dir(), scratch.path(), adapter->dialect(), {R"({"f": "top"})"});
    auto mount = adapter->mount(layers.dirs, {});
    ASSERT_TRUE(mount) << mount.error().message;
    EXPECT_EQ(content((*mount)->vfs(), "f"), "top");
    EXPECT_FALSE((*mount)->died());
    EXPECT_TRUE((*mount)->unmount());
  });
}

TEST_P(Mounting, IsTakenDownWithItsOwnerWhateverIsOpen) {
  in_mounting_child("fuse-overlayfs", [](const Environment& environment) {
    const auto adapter = make_fuse_adapter(shipped_descriptor("fuse-overlayfs"), environment, {});
    const Scratch scratch;
    const Layers layers(scratch.dir(), scratch.path(), adapter->dialect(), {R"({"f": "top"})"});
    auto mount = adapter->mount(layers.dirs, {});
    ASSERT_TRUE(mount) << mount.error().message;
    ASSERT_TRUE((*mount)->vfs().open(At{AT_FDCWD, "f"}, {.flags = O_RDWR}));
    const auto start = Clock::now();
    mount->reset();
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
    EXPECT_TRUE(snapshot(layers.open("merged").get()).children.empty());
  });
}

// fuse-overlayfs whose process id can be told, so that only this one is sent a signal.
class Signalled {
 public:
  explicit Signalled(const Environment& environment) {
    Descriptor descriptor = shipped_descriptor("fuse-overlayfs");
    descriptor.mount.insert(descriptor.mount.begin(),
                            {"sh", "-c", "echo $$ > \"${0%/merged}/pid\"; exec \"$@\"", "{mount}"});
    adapter = make_fuse_adapter(descriptor, environment, {});
    layers.emplace(scratch.dir(), scratch.path(), adapter->dialect(),
                   std::vector<std::string>{R"({"f": "top"})"});
    auto mounted = adapter->mount(layers->dirs, {});
    EXPECT_TRUE(mounted) << mounted.error().message;
    if (mounted) mount = std::move(*mounted);
  }

  void send(int signal) const {
    ASSERT_TRUE(go_home());
    int pid = 0;
    std::ifstream(scratch.path() + "/pid") >> pid;
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, signal), 0);
  }

  Scratch scratch;
  std::unique_ptr<Adapter> adapter;
  std::optional<Layers> layers;
  std::unique_ptr<Mount> mount;
};

TEST_P(Mounting, TellsHowItsDaemonEnded) {
  in_mounting_child("fuse-overlayfs", [](const Environment& environment) {
    const Signalled subject(environment);
    ASSERT_TRUE(subject.mount);
    subject.send(SIGSEGV);
    std::optional<std::string> end;
    for (int i = 0; i < 500 && !end; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
      end = subject.mount->died();
    }
    EXPECT_EQ(end, "fuse-overlayfs ended by signal 11");
  });
}

TEST_P(Mounting, IsTakenDownThoughItsDaemonHangs) {
  in_mounting_child("fuse-overlayfs", [](const Environment& environment) {
    Signalled subject(environment);
    ASSERT_TRUE(subject.mount);
    ASSERT_TRUE(subject.mount->vfs().open(At{AT_FDCWD, "f"}, {.flags = O_RDWR}));
    subject.send(SIGSTOP);
    const auto start = Clock::now();
    subject.mount.reset();
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
    EXPECT_TRUE(snapshot(subject.layers->open("merged").get()).children.empty());
  });
}

// Programs that fail, in place of a file system.
MountError failure(const Environment& environment, const std::string& script) {
  Descriptor descriptor = shipped_descriptor("fuse-overlayfs");
  descriptor.mount = {"sh", "-c", script, "{lower}{upper}{mount}"};
  const auto adapter = make_fuse_adapter(descriptor, environment, {}, {.mount = milliseconds(100)});
  const Scratch scratch;
  const Layers layers(scratch.dir(), scratch.path(), adapter->dialect(), {"{}"});
  const auto start = Clock::now();
  const auto mount = adapter->mount(layers.dirs, {});
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  EXPECT_FALSE(mount);
  return mount ? MountError{} : mount.error();
}

TEST(FuseAdapter, TellsWhyAMountFailed) {
  const MountError plain = failure({.privilege = "userns"}, "echo cannot do it >&2; exit 1");
  EXPECT_EQ(plain.error, EIO);
  EXPECT_EQ(plain.message, "fuse-overlayfs ended with exit status 1: cannot do it");
  const MountError named = failure({.privilege = "userns"}, "echo 'mount: Invalid argument' >&2; exit 32");
  EXPECT_EQ(named.error, EINVAL);
  EXPECT_EQ(failure({.privilege = "userns"}, "exit 0").message, "fuse-overlayfs ended with exit status 0");
  EXPECT_EQ(failure({.privilege = "userns"}, "kill -ABRT $$").message, "fuse-overlayfs ended by signal 6");
}

TEST(FuseAdapter, GivesUpOnAProgramThatNeverMounts) {
  const MountError error = failure({.privilege = "userns"}, "echo waiting; exec sleep 100");
  EXPECT_EQ(error.error, ETIMEDOUT);
  EXPECT_EQ(error.message, "fuse-overlayfs did not mount within 100 ms: waiting");
  EXPECT_EQ(failure({.privilege = "userns"}, "sleep 100 & exit 0").error, ETIMEDOUT);
}

TEST(FuseAdapter, SaysWhatIsMissing) {
  Descriptor descriptor = shipped_descriptor("fuse-overlayfs");
  const auto missing = [&](const Environment& environment, const Options& defaults = {}) {
    return make_fuse_adapter(descriptor, environment, defaults)->missing(environment).value_or("nothing");
  };
  EXPECT_EQ(missing({.privilege = "none"}), "mounting needs root or a user namespace");
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = false}), "no /dev/fuse");
  descriptor.mount.front() = "no-such-program";
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = true}),
            "no-such-program is not installed: apt-get install fuse-overlayfs");
  descriptor.mount.front() = "sh";
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = true}), "nothing");
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = true}, {{"index", "on"}}),
            "fuse-overlayfs has no index=on");
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = true, .user_xattrs = false}), "nothing");
  descriptor.kernel_options = true;
  EXPECT_EQ(
      missing(
          {.privilege = "userns", .dev_fuse = true, .user_xattrs = false, .kernel = "6.1", .fs = "tmpfs"}),
      "marks of others than real root are user.* attributes, which tmpfs of Linux 6.1 does not keep "
      "(--scratch DIR: work elsewhere)");
  EXPECT_EQ(missing({.privilege = "userns", .dev_fuse = true}, {{"metacopy", "on"}}),
            "metacopy=on needs real root (--privilege root): it is refused beside userxattr");
  descriptor.filesystem = "no-such-filesystem";
  EXPECT_EQ(missing({.privilege = "root"}), "this kernel has no no-such-filesystem");
}

TEST(FuseAdapter, SaysWhatItCannotRun) {
  Descriptor descriptor = shipped_descriptor("fuse-overlayfs");
  const auto cannot = [&](const std::string& members) {
    Json json = Json::parse(R"({"id": "c", "title": "t", "clauses": ["X-1"], "steps": []})");
    json.merge_patch(Json::parse(members));
    if (json.contains("read_only")) {
      json.erase("read_only");
      json["upper"] = nullptr;
    }
    const Case c = case_from_json(json, "g", "");
    return make_fuse_adapter(descriptor, {.privilege = "userns"}, {})->cannot(c).value_or("nothing");
  };
  EXPECT_EQ(cannot("{}"), "nothing");
  EXPECT_EQ(cannot(R"({"mount": {"redirect_dir": "off", "volatile": true}})"), "nothing");
  EXPECT_EQ(cannot(R"({"mount": {"metacopy": "on"}})"), "fuse-overlayfs has no metacopy=on");
  EXPECT_EQ(cannot(R"({"steps": [{"remount": {"userxattr": true}}]})"),
            "fuse-overlayfs has no mount option userxattr");
  EXPECT_EQ(cannot(R"({"steps": [{"remount": true}, {"umount": true}, {"mount": {"index": "on"}}]})"),
            "fuse-overlayfs has no index=on");
  EXPECT_EQ(cannot(R"({"data": [{}]})"), "fuse-overlayfs has no data-only layers");
  EXPECT_EQ(cannot(R"({"read_only": true})"), "nothing");
  descriptor.mount_read_only.clear();
  EXPECT_EQ(cannot(R"({"read_only": true})"), "fuse-overlayfs has no mounts without an upper layer");
  descriptor.max_lowers = 1;
  EXPECT_EQ(cannot(R"({"lower": [{}, {}]})"), "fuse-overlayfs has at most 1 lower layers");
}

TEST(FuseAdapter, CannotMakeUnnamedFilesOnOldKernels) {
  const auto cannot = [](const std::string& kernel, const std::string& expect) {
    const Case c = case_from_json(
        Json::parse(
            R"({"id": "c", "title": "t", "clauses": ["X-1"], "steps": [{"tmpfile": "d", "expect": ")" +
            expect + "\"}]}"),
        "g", "");
    return make_fuse_adapter(shipped_descriptor("userlay-fuse"), {.privilege = "root", .kernel = kernel}, {})
        ->cannot(c)
        .value_or("nothing");
  };
  EXPECT_EQ(cannot("5.10.0-32-amd64", "ok"), "FUSE has O_TMPFILE since Linux 6.1, this is 5.10.0-32-amd64");
  EXPECT_EQ(cannot("5.10.0-32-amd64", "ENOTDIR"), "nothing") << "refused alike everywhere";
  EXPECT_EQ(cannot("6.1.0-50-amd64", "ok"), "nothing");
}

TEST(FuseAdapter, KnowsTheOptionsInForce) {
  const auto adapter = make_fuse_adapter(shipped_descriptor("fuse-overlayfs"), {.privilege = "root"},
                                         {{"redirect_dir", "nofollow"}});
  EXPECT_EQ(adapter->effective({}).at("redirect_dir"), "nofollow");
  EXPECT_EQ(adapter->effective({{"redirect_dir", "off"}}).at("redirect_dir"), "off");
  EXPECT_EQ(adapter->effective({}).at("metacopy"), "off");
}

}  // namespace
}  // namespace ovlcheck
