#include "harness/ops/kernel_vfs.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <thread>

#include "harness/ops/test_place.h"

namespace ovlcheck {
namespace {

At path(const std::string& name) {
  return {AT_FDCWD, name};
}
open_how flags(uint64_t value, uint64_t resolve = 0) {
  open_how how{};
  how.flags = value;
  how.mode = (value & O_CREAT) != 0 ? 0666 : 0;
  how.resolve = resolve;
  return how;
}

class KernelVfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkdirat(scratch_.dir(), "root", 0755), 0);
    ASSERT_TRUE(build_tree(scratch_.dir(), tree_from_json(Json::parse(R"({"secret": "outside"})"), "")));
    const Fd root(::openat(scratch_.dir(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Json inside = {{"d/", {{"f", "hello"}}}, {"up", {{"symlink", scratch_.path() + "/secret"}}}};
    ASSERT_TRUE(build_tree(root.get(), tree_from_json(inside, "")));
    auto opened = open_kernel_vfs(root.get());
    if (!opened && opened.error() == EPERM) GTEST_SKIP() << "needs CAP_SYS_CHROOT";
    ASSERT_TRUE(opened) << opened.error();
    vfs_ = std::move(*opened);
  }
  void TearDown() override {
    vfs_.reset();
    EXPECT_TRUE(go_home());
  }

  std::string read_file(Vfs& vfs, const At& at) {
    const auto fd = vfs.open(at, flags(O_RDONLY));
    if (!fd) return "errno " + std::to_string(fd.error());
    const auto data = vfs.read(*fd, 100, 0);
    EXPECT_TRUE(vfs.close(*fd));
    return data ? *data : "errno " + std::to_string(data.error());
  }

  Scratch scratch_;
  std::unique_ptr<Vfs> vfs_;
};

TEST_F(KernelVfsTest, NothingLeadsOutOfTheRoot) {
  EXPECT_EQ(read_file(*vfs_, path("/d/f")), "hello");
  EXPECT_EQ(read_file(*vfs_, path("../../secret")), "errno 2");
  EXPECT_EQ(read_file(*vfs_, path("d/../../secret")), "errno 2");
  EXPECT_EQ(read_file(*vfs_, path("up")), "errno 2");
  const auto above = vfs_->stat(path("../.."), true, STATX_INO);
  const auto root = vfs_->stat(path("/"), true, STATX_INO);
  ASSERT_TRUE(above && root);
  EXPECT_EQ(above->stx_ino, root->stx_ino);
  // A descriptor of a directory does not lead out either.
  const auto fd = vfs_->open(path("/d"), flags(O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(fd);
  EXPECT_EQ(read_file(*vfs_, {*fd, "../../secret"}), "errno 2");
  EXPECT_EQ(read_file(*vfs_, {*fd, "f"}), "hello");
}

TEST_F(KernelVfsTest, MagicLinksDoNotLeadOut) {
  ASSERT_TRUE(go_home());
  in_child([this] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return;
    const std::string proc = scratch_.path() + "/root/proc";
    ASSERT_EQ(::mkdir(proc.c_str(), 0755), 0);
    if (::mount("proc", proc.c_str(), "proc", 0, nullptr) != 0) return;
    const Fd root(::open((scratch_.path() + "/root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto inside = open_kernel_vfs(root.get());
    ASSERT_TRUE(inside);
    EXPECT_EQ(read_file(**inside, path("/proc/self/root/d/f")), "hello");
    EXPECT_EQ(read_file(**inside, path("/proc/self/root/../secret")), "errno 2");
    EXPECT_EQ(read_file(**inside, path("/proc/self/cwd/../../secret")), "errno 2");
    (*inside)->let_go();
    EXPECT_EQ(::umount2(proc.c_str(), 0), 0);
  });
}

TEST_F(KernelVfsTest, PathsWithoutAtCallsWorkFromADescriptor) {
  ASSERT_TRUE(vfs_->chdir(path("d")));
  const auto root = vfs_->open(path("/"), flags(O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(root);
  if (!vfs_->setxattr({*root, "d/f"}, true, "user.x", "1", 0)) GTEST_SKIP() << "no user xattrs";
  EXPECT_EQ(vfs_->getxattr({*root, "d/f"}, false, "user.x"), "1");
  EXPECT_EQ(vfs_->listxattr(path("f"), true), std::vector<std::string>{"user.x"});  // still relative to d
  const auto file = vfs_->open(path("f"), flags(O_RDWR));
  ASSERT_TRUE(file);
  EXPECT_EQ(vfs_->getxattr({*file, ""}, true, "user.x"), "1");
  EXPECT_TRUE(vfs_->removexattr({*root, "d/f"}, true, "user.x"));
  EXPECT_EQ(vfs_->getxattr(path("f"), true, "user.x").error(), ENODATA);
  EXPECT_TRUE(vfs_->truncate({*root, "d/f"}, 2));
  EXPECT_EQ(read_file(*vfs_, path("f")), "he");
  EXPECT_TRUE(vfs_->truncate({*file, ""}, 1));
  EXPECT_EQ(read_file(*vfs_, path("/d/f")), "h");
  EXPECT_EQ(vfs_->truncate(path(""), 1).error(), ENOENT);
}

TEST_F(KernelVfsTest, ResolveFlagsReachTheKernel) {
  EXPECT_EQ(vfs_->open(path("/d/f"), flags(O_RDONLY, RESOLVE_BENEATH)).error(), EXDEV);
  EXPECT_EQ(vfs_->open(path("up"), flags(O_RDONLY, RESOLVE_NO_SYMLINKS)).error(), ELOOP);
  EXPECT_TRUE(vfs_->open(path("d/f"), flags(O_RDONLY, RESOLVE_BENEATH)));
}

TEST_F(KernelVfsTest, ActorsHaveTheirOwnRights) {
  const auto alice = vfs_->act_as({.uid = 1000, .gid = 1001, .groups = {7, 5}, .umask = 027});
  if (!alice && alice.error() == kNotOffered) GTEST_SKIP() << "only one user here";
  ASSERT_TRUE(alice);
  EXPECT_EQ((*alice)->mkdir(path("/e"), 0755).error(), EACCES);
  ASSERT_TRUE(vfs_->chmod(path("/"), 0777));
  ASSERT_TRUE((*alice)->mkdir(path("/e"), 0777));
  const auto made = vfs_->stat(path("/e"), true, STATX_BASIC_STATS);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->stx_uid, 1000U);
  EXPECT_EQ(made->stx_gid, 1001U);
  EXPECT_EQ(made->stx_mode & 07777, 0750U);
  EXPECT_EQ((*alice)->chown(path("/e"), true, 1000, 8).error(), EPERM);
  EXPECT_TRUE((*alice)->chown(path("/e"), true, 1000, 7));  // one of her groups
  ASSERT_TRUE(vfs_->chmod(path("/d/f"), 0600));
  EXPECT_EQ((*alice)->access(path("/d/f"), R_OK, 0).error(), EACCES);

  const auto mighty = vfs_->act_as({.uid = 1000, .gid = 1000, .caps = {"CAP_DAC_OVERRIDE"}});
  ASSERT_TRUE(mighty);
  EXPECT_EQ(read_file(**mighty, path("/d/f")), "hello");
  EXPECT_EQ((*mighty)->chown(path("/d/f"), true, 1000, 1000).error(), EPERM);
  const auto weak_root = vfs_->act_as({.uid = 0, .gid = 0});
  ASSERT_TRUE(weak_root);
  EXPECT_EQ((*weak_root)->chown(path("/d/f"), true, 5, 5).error(), EPERM);
  EXPECT_TRUE(vfs_->chown(path("/d/f"), true, 5, 5));
  EXPECT_EQ(vfs_->act_as({.caps = {"CAP_NONSENSE"}}).error(), EINVAL);
}

TEST_F(KernelVfsTest, AnActorsCurrentDirectoryIsItsOwn) {
  const auto other = vfs_->act_as({.uid = 0, .gid = 0, .caps = {"CAP_FOWNER"}});
  ASSERT_TRUE(other);
  ASSERT_TRUE(vfs_->chdir(path("d")));
  EXPECT_EQ(read_file(*vfs_, path("f")), "hello");
  EXPECT_EQ(read_file(**other, path("f")), "errno 2");
  EXPECT_EQ(read_file(*vfs_, path("f")), "hello");
}

TEST_F(KernelVfsTest, GoHomeGivesBackRootRightsAndDirectory) {
  const auto alice = vfs_->act_as({.uid = 1000, .gid = 1000});
  ASSERT_TRUE(go_home());
  EXPECT_EQ(::geteuid(), 0U);
  EXPECT_EQ(::getuid(), 0U);
  EXPECT_EQ(::access((scratch_.path() + "/secret").c_str(), W_OK), 0);
  EXPECT_EQ(read_file(*vfs_, path("/d/f")), "hello");
}

TEST_F(KernelVfsTest, GoHomeGivesBackTheUmask) {
  const mode_t own = ::umask(022);
  ::umask(own);
  ASSERT_TRUE(vfs_->umask(0077));
  ASSERT_TRUE(vfs_->mkdir(path("/private"), 0777));
  ASSERT_TRUE(go_home());
  const mode_t left = ::umask(own);
  EXPECT_EQ(left, own);
}

TEST_F(KernelVfsTest, NoOtherUserInASingleUserNamespace) {
  ASSERT_TRUE(go_home());
  in_child([this] {
    if (!enter_user_namespace()) return;
    auto vfs = open_kernel_vfs(scratch_.dir());
    ASSERT_TRUE(vfs);
    EXPECT_EQ((*vfs)->act_as({.uid = 1000, .gid = 1000}).error(), kNotOffered);
    EXPECT_EQ((*vfs)->act_as({.uid = 0, .gid = 0, .groups = {5}}).error(), kNotOffered);
    const auto weak = (*vfs)->act_as({.uid = 0, .gid = 0});
    ASSERT_TRUE(weak);
    ASSERT_TRUE((*vfs)->chmod(path("secret"), 0));
    EXPECT_EQ(read_file(**weak, path("secret")), "errno 13");
    EXPECT_EQ(read_file(**vfs, path("secret")), "outside");
  });
}

TEST_F(KernelVfsTest, ReaddirDeliversExactlyAsManyAsAsked) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(vfs_->mkdir(path(name), 0755));
  const auto fd = vfs_->open(path("/"), flags(O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(fd);
  std::vector<std::string> one_by_one, at_once;
  for (;;) {
    const auto some = vfs_->readdir(*fd, 1);
    ASSERT_TRUE(some);
    if (some->empty()) break;
    ASSERT_EQ(some->size(), 1U);
    one_by_one.push_back(some->front().name);
  }
  ASSERT_TRUE(vfs_->lseek(*fd, 0, SEEK_SET));
  const auto all = vfs_->readdir(*fd, 100);
  ASSERT_TRUE(all);
  for (const DirEntry& entry : *all) at_once.push_back(entry.name);
  EXPECT_EQ(one_by_one, at_once);
  EXPECT_EQ(at_once.size(), 7U);
}

TEST_F(KernelVfsTest, ATemporaryFileGetsAName) {
  open_how how = flags(O_TMPFILE | O_RDWR);
  how.mode = 0600;
  const auto fd = vfs_->open(path("/d"), how);
  if (!fd) GTEST_SKIP() << "no O_TMPFILE";
  ASSERT_TRUE(vfs_->write(*fd, "tmp", std::nullopt));
  EXPECT_TRUE(vfs_->link({*fd, ""}, path("/named"), false));
  EXPECT_EQ(read_file(*vfs_, path("/named")), "tmp");
}

TEST_F(KernelVfsTest, RunsProgramsOfTheHostAndOfTheTree) {
  const auto listed = vfs_->run({"ls", "-a"});
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->out, ".\n..\nd\nup\n");
  EXPECT_EQ(listed->status, 0);
  EXPECT_EQ(vfs_->run({"no-such-program"}).error(), ENOENT);
  const auto failing = vfs_->run({"sh", "-c", "echo oh >&2; exit 3"});
  ASSERT_TRUE(failing);
  EXPECT_EQ(failing->err, "oh\n");
  EXPECT_EQ(failing->status, 3);
  const auto killed = vfs_->run({"sh", "-c", "kill -TERM $$"});
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->status, 128 + SIGTERM);
  const auto loud = vfs_->run({"head", "-c", "1000000", "/dev/zero"});
  ASSERT_TRUE(loud);
  EXPECT_EQ(loud->out.size(), 65536U);
  const auto daemon = vfs_->run({"sh", "-c", "sleep 3 & echo started"});
  ASSERT_TRUE(daemon);
  EXPECT_EQ(daemon->out, "started\n");

  const auto fd = vfs_->open(path("/script"), flags(O_WRONLY | O_CREAT));
  ASSERT_TRUE(fd);
  ASSERT_TRUE(vfs_->write(*fd, "#!/bin/sh\necho \"$# $1\"; pwd\n", std::nullopt));
  ASSERT_TRUE(vfs_->close(*fd));
  EXPECT_EQ(vfs_->execve(path("/script"), {"script", "x"}).error(), EACCES);
  ASSERT_TRUE(vfs_->chmod(path("/script"), 0755));
  const auto script = vfs_->execve(path("/script"), {"script", "x"});
  ASSERT_TRUE(script) << script.error();
  EXPECT_EQ(script->out, "1 x\n" + scratch_.path() + "/root\n") << script->err;
  EXPECT_EQ(vfs_->execve(path("/gone"), {"gone"}).error(), ENOENT);
}

TEST_F(KernelVfsTest, ProgramsOfAnActorHaveItsRightsForGood) {
  const auto alice =
      vfs_->act_as({.uid = 1000, .gid = 1001, .groups = {7}, .caps = {"CAP_FOWNER"}, .umask = 077});
  if (!alice && alice.error() == kNotOffered) GTEST_SKIP() << "only one user here";
  ASSERT_TRUE(alice);
  const auto who = (*alice)->run(
      {"sh", "-c", "id -u; id -ru; id -g; id -G; umask; grep -E 'Cap(Prm|Eff)' /proc/self/status"});
  ASSERT_TRUE(who) << who.error();
  EXPECT_EQ(who->out,
            "1000\n1000\n1001\n1001 7\n0077\nCapPrm:\t0000000000000008\nCapEff:\t0000000000000008\n");
  const auto weak = vfs_->act_as({.uid = 0, .gid = 0});
  ASSERT_TRUE(weak);
  const auto root = (*weak)->run({"grep", "CapEff", "/proc/self/status"});
  ASSERT_TRUE(root);
  EXPECT_EQ(root->out, "CapEff:\t0000000000000000\n");
}

TEST_F(KernelVfsTest, WatchesAndLocks) {
  const auto watch = vfs_->inotify(path("/d"), IN_CREATE | IN_DELETE);
  ASSERT_TRUE(watch);
  ASSERT_TRUE(vfs_->mkdir(path("/d/new"), 0755));
  ASSERT_TRUE(vfs_->unlink(path("/d/f")));
  EXPECT_EQ(vfs_->events(*watch), (std::vector<std::string>{"IN_CREATE|IN_ISDIR new", "IN_DELETE f"}));
  EXPECT_EQ(vfs_->events(*watch), std::vector<std::string>{});
  const auto one = vfs_->open(path("/l"), flags(O_RDWR | O_CREAT)),
             two = vfs_->open(path("/l"), flags(O_RDWR));
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(vfs_->flock(*one, LOCK_EX));
  EXPECT_EQ(vfs_->flock(*two, LOCK_SH | LOCK_NB).error(), EWOULDBLOCK);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  EXPECT_TRUE(vfs_->fcntl_lock(*one, lock, true));
  EXPECT_EQ(vfs_->fcntl_lock(*two, lock, true).error(), EAGAIN);
}

TEST_F(KernelVfsTest, HandlesLeadBackToTheFile) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const auto handle = vfs_->name_to_handle(path("/d/f"));
  if (!handle) GTEST_SKIP() << "no file handles";
  const auto fd = vfs_->open_by_handle(*handle, O_RDONLY);
  ASSERT_TRUE(fd) << fd.error();
  EXPECT_EQ(vfs_->read(*fd, 10, std::nullopt), "hello");
}

TEST_F(KernelVfsTest, LetGoMakesItUnmountable) {
  ASSERT_TRUE(go_home());
  in_child([this] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return;
    const std::string place = scratch_.path() + "/root/d";
    ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, nullptr), 0);
    Fd root(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto vfs = open_kernel_vfs(root.get());
    ASSERT_TRUE(vfs);
    root.reset();
    ASSERT_TRUE((*vfs)->mkdir(path("/sub"), 0755));
    ASSERT_TRUE((*vfs)->chdir(path("/sub")));
    for (int i = 0; i < 20; ++i) {
      std::thread other([&] {
        ASSERT_TRUE((*vfs)->enter_thread());
        ASSERT_TRUE((*vfs)->stat(path("/sub"), true, STATX_INO));
        (*vfs)->leave_thread();
      });
      other.join();
    }
    (*vfs)->let_go();
    EXPECT_EQ(::umount2(place.c_str(), 0), 0) << errno;
    EXPECT_EQ((*vfs)->stat(path("/"), true, STATX_INO).error(), EBADF);
  });
}

TEST_F(KernelVfsTest, ThreadsKeepTheirOwnPlace) {
  auto alice = vfs_->act_as({.uid = 1000, .gid = 1000});
  if (!alice && alice.error() == kNotOffered) GTEST_SKIP() << "only one user here";
  ASSERT_TRUE(alice);
  ASSERT_TRUE(vfs_->chmod(path("/d/f"), 0600));
  std::thread other([&] {
    ASSERT_TRUE((*alice)->enter_thread());
    for (int i = 0; i < 200; ++i) EXPECT_EQ(read_file(**alice, path("/d/f")), "errno 13");
    (*alice)->leave_thread();
  });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(read_file(*vfs_, path("d/f")), "hello");
  other.join();
}

TEST_F(KernelVfsTest, SnapshotsThroughTheViewAreThoseOfTheDirectory) {
  const Fd root(::openat(scratch_.dir(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(vfs_->chdir(path("/d")));
  (void)snapshot(*vfs_);  // the first look changes the link's access time
  EXPECT_EQ(json_from_tree(snapshot(*vfs_)).dump(), json_from_tree(snapshot(root.get())).dump());
}

}  // namespace
}  // namespace ovlcheck
