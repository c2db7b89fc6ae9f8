#include "harness/ops/executor.h"

#include <fstream>

#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/test_place.h"

namespace ovlcheck {
namespace {

class ExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override { open(R"({"d/": {"f": "hello"}, "g": "other"})"); }
  void TearDown() override {
    executor_.reset();
    vfs_.reset();
    EXPECT_TRUE(go_home());
  }

  void open(const char* tree) {
    ASSERT_TRUE(build_tree(scratch_.dir(), tree_from_json(Json::parse(tree), "")));
    auto opened = open_kernel_vfs(scratch_.dir());
    if (!opened && opened.error() == EPERM) GTEST_SKIP() << "needs CAP_SYS_CHROOT";
    ASSERT_TRUE(opened) << opened.error();
    vfs_ = std::move(*opened);
    executor_ = std::make_unique<Executor>(*vfs_, actors_);
  }

  StepResult run(const std::string& step) {
    const Json json = {{"id", "x"},
                       {"title", "x"},
                       {"clauses", {"X-1"}},
                       {"actors", {{"alice", {{"uid", 1000U}, {"gid", 1000U}}}}},
                       {"steps", {Json::parse(step)}}};
    const Case c = case_from_json(json, "test", "");
    actors_ = c.actors;
    return executor_->run(c.steps.at(0));
  }
  // The result's value, or the name of the error.
  Json value(const std::string& step) {
    const StepResult result = run(step);
    if (!result.skip.empty()) return "skip: " + result.skip;
    return result.error != 0 ? Json(errno_name(result.error)) : result.value;
  }
  std::string error(const std::string& step) {
    const StepResult result = run(step);
    return result.error != 0 ? errno_name(result.error) : result.skip.empty() ? "ok" : "skip";
  }

  Scratch scratch_;
  std::map<std::string, Actor> actors_;
  std::unique_ptr<Vfs> vfs_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(ExecutorTest, KnowsEveryOperationOfTheVocabulary) {
  for (const Operation& operation : vocabulary()) {
    if (operation.of_the_harness) continue;
    Step step;
    step.op = std::string(operation.name);
    step.args = Json::object();
    try {
      (void)executor_->run(step);
    } catch (const BadCase& problem) {
      ADD_FAILURE() << step.op << ": " << problem.what();
    } catch (const Json::exception&) {
      // It is known, and its operand is missing.
    }
  }
}

TEST_F(ExecutorTest, FilesAreReadAndWritten) {
  EXPECT_EQ(value(R"({"cat": "d/f"})"), Json::parse(R"({"data": "hello", "size": 5})"));
  EXPECT_EQ(error(R"({"open": "d/f", "flags": "O_RDWR|O_APPEND", "as": "fd"})"), "ok");
  EXPECT_EQ(value(R"({"read": "fd", "count": 2})")["data"], "he");
  EXPECT_EQ(value(R"({"read": "fd"})"), Json::parse(R"({"data": "llo", "count": 3})"));
  EXPECT_EQ(value(R"({"read": "fd", "offset": 1, "count": 2})")["data"], "el");
  EXPECT_EQ(value(R"({"write": "fd", "data": "\uf7ff"})")["count"], 1);
  EXPECT_EQ(value(R"({"write": "fd", "fill": "x", "size": 3})")["count"], 3);
  EXPECT_EQ(value(R"({"cat": "d/f"})")["data"], "hello\uf7ffxxx");
  EXPECT_EQ(value(R"({"lseek": "fd", "offset": -2, "whence": "SEEK_END"})")["offset"], 7);
  EXPECT_EQ(error(R"({"ftruncate": "fd", "size": 1})"), "ok");
  EXPECT_EQ(value(R"({"fstat": "fd"})")["size"], 1);
  EXPECT_EQ(error(R"({"fsync": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"fdatasync": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"close": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"read": "fd"})"), "EBADF");
  EXPECT_EQ(error(R"({"put": "new", "data": "x", "flags": "O_CREAT|O_EXCL", "mode": "0600"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "new"})")["mode"], "0600");
  EXPECT_EQ(error(R"({"put": "new", "data": "y", "offset": 3})"), "ok");
  EXPECT_EQ(value(R"({"cat": "new"})")["data"], std::string("x\0\0y", 4));
  EXPECT_EQ(error(R"({"truncate": "new", "size": 0})"), "ok");
  EXPECT_EQ(error(R"({"open": "", "flags": "O_RDONLY"})"), "ENOENT");
  EXPECT_EQ(error(R"({"open": "/d/f", "flags": "O_RDONLY", "resolve": "RESOLVE_BENEATH"})"), "EXDEV");
  EXPECT_THROW((void)run(R"({"read": "nobody"})"), BadCase);
}

TEST_F(ExecutorTest, RangesAreCopiedAndAllocated) {
  EXPECT_EQ(error(R"({"open": "d/f", "flags": "O_RDWR", "as": "a"})"), "ok");
  EXPECT_EQ(error(R"({"open": "g", "flags": "O_RDWR", "as": "b"})"), "ok");
  EXPECT_EQ(value(R"({"copy_file_range": ["a", "b"], "size": 2, "offsets": [1, 3]})")["count"], 2);
  EXPECT_EQ(value(R"({"cat": "g"})")["data"], "othel");
  EXPECT_EQ(error(R"({"fallocate": "b", "offset": 0, "size": 10})"), "ok");
  EXPECT_EQ(value(R"({"stat": "g"})")["size"], 10);
}

TEST_F(ExecutorTest, MappingsFailInsteadOfKilling) {
  EXPECT_EQ(error(R"({"open": "d/f", "flags": "O_RDWR", "as": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"mmap": "fd", "size": 8192, "prot": "PROT_READ|PROT_WRITE", "as": "map"})"), "ok");
  EXPECT_EQ(value(R"({"mread": "map", "offset": 1, "count": 3})")["data"], "ell");
  EXPECT_EQ(error(R"({"mwrite": "map", "offset": 0, "data": "J"})"), "ok");
  EXPECT_EQ(error(R"({"msync": "map"})"), "ok");
  EXPECT_EQ(value(R"({"cat": "d/f"})")["data"], "Jello");
  EXPECT_EQ(error(R"({"mread": "map", "offset": 4096, "count": 1})"), "EFAULT");
  EXPECT_EQ(error(R"({"mread": "map", "offset": 8192, "count": 1})"), "EINVAL");
  EXPECT_EQ(error(R"({"mmap": "fd", "size": 4096, "prot": "PROT_READ", "as": "ro"})"), "ok");
  EXPECT_EQ(error(R"({"mwrite": "ro", "offset": 0, "data": "x"})"), "EFAULT");
  EXPECT_EQ(error(R"({"munmap": "ro"})"), "ok");
  EXPECT_EQ(error(R"({"ftruncate": "fd", "size": 0})"), "ok");
  EXPECT_EQ(error(R"({"mread": "map", "offset": 0, "count": 1})"), "EFAULT");
}

TEST_F(ExecutorTest, NamesComeAndGo) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(error(R"({"mkdir": "e", "mode": "0700"})"), "ok");
  EXPECT_EQ(error(R"({"rename": ["d/f", "e/f"]})"), "ok");
  EXPECT_EQ(error(R"({"rename": ["e/f", "g"], "flags": "RENAME_NOREPLACE"})"), "EEXIST");
  EXPECT_EQ(error(R"({"link": ["e/f", "l"]})"), "ok");
  EXPECT_EQ(value(R"({"stat": "l"})")["nlink"], 2);
  EXPECT_EQ(error(R"({"symlink": ["l", "s"]})"), "ok");
  EXPECT_EQ(value(R"({"readlink": "s"})")["target"], "l");
  EXPECT_EQ(value(R"({"lstat": "s"})")["type"], "symlink");
  EXPECT_EQ(value(R"({"stat": "s"})")["type"], "file");
  EXPECT_EQ(error(R"({"link": ["s", "t"], "flags": "AT_SYMLINK_FOLLOW"})"), "ok");
  EXPECT_EQ(value(R"({"lstat": "t"})")["type"], "file");
  EXPECT_EQ(error(R"({"mknod": "p", "type": "fifo", "mode": "0600"})"), "ok");
  EXPECT_EQ(value(R"({"lstat": "p"})")["type"], "fifo");
  EXPECT_EQ(error(R"({"mknod": "c", "type": "char", "dev": [1, 3]})"), "ok");
  EXPECT_EQ(value(R"({"lstat": "c"})")["rdev"], Json::parse("[1, 3]"));
  EXPECT_EQ(error(R"({"unlink": "l"})"), "ok");
  EXPECT_EQ(error(R"({"rmdir": "e"})"), "ENOTEMPTY");
  EXPECT_EQ(error(R"({"access": "e", "mode": "R_OK|X_OK"})"), "ok");
  EXPECT_EQ(error(R"({"open": "d", "flags": "O_RDONLY|O_DIRECTORY", "as": "dir"})"), "ok");
  EXPECT_EQ(error(R"({"mkdir": "below", "at": "dir"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "/d/below"})")["type"], "dir");
  EXPECT_EQ(error(R"({"chdir": "d"})"), "ok");
  EXPECT_EQ(error(R"({"rmdir": "below"})"), "ok");
  EXPECT_EQ(error(R"({"umask": "0077"})"), "ok");
  EXPECT_EQ(error(R"({"mkdir": "mine", "mode": "0777"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "mine"})")["mode"], "0700");
}

TEST_F(ExecutorTest, ATemporaryFileIsLinked) {
  if (error(R"({"tmpfile": "d", "mode": "0600", "as": "t"})") != "ok") GTEST_SKIP() << "no O_TMPFILE";
  EXPECT_EQ(value(R"({"fstat": "t"})")["nlink"], 0);
  EXPECT_EQ(error(R"({"flink": ["t", "d/named"]})"), "ok");
  EXPECT_EQ(value(R"({"stat": "d/named"})")["mode"], "0600");
}

TEST_F(ExecutorTest, ListingsGoOnWhereTheyStopped) {
  const Json all = value(R"({"readdir": ""})");
  EXPECT_EQ(all, "ENOENT");
  const Json root = value(R"({"readdir": "/"})");
  EXPECT_EQ(root["entries"].size(), 2U);
  EXPECT_EQ(root["count"], 2);
  EXPECT_EQ(root["types"]["d"], "dir");
  EXPECT_EQ(root["inos"]["g"], value(R"({"stat": "g"})")["ino"]);
  EXPECT_EQ(error(R"({"open": "/", "flags": "O_RDONLY", "as": "fd"})"), "ok");
  const Json first = value(R"({"readdir": "fd", "count": 3, "as": "part"})");
  const Json rest = value(R"({"readdir": "fd"})");
  EXPECT_EQ(first["entries"].size() + rest["entries"].size(), 2U);
  EXPECT_EQ(value(R"({"readdir": "fd", "seek": "part"})")["entries"], rest["entries"]);
  EXPECT_EQ(value(R"({"readdir": "fd", "as": "end"})")["entries"], Json::array());
  EXPECT_EQ(value(R"({"readdir": "fd", "rewind": true})")["entries"].size(), 2U);
  EXPECT_EQ(value(R"({"readdir": "fd", "seek": "end"})")["entries"], Json::array());
  EXPECT_EQ(value(R"({"readdir": "g"})"), "ENOTDIR");
}

TEST_F(ExecutorTest, AttributesAreSetAndSeen) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(error(R"({"open": "d/f", "flags": "O_RDWR", "as": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"chmod": "d/f", "mode": "04711"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "d/f"})")["mode"], "4711");
  EXPECT_EQ(error(R"({"fchmod": "fd", "mode": "0600"})"), "ok");
  EXPECT_EQ(error(R"({"chown": "d/f", "gid": 7})"), "ok");
  EXPECT_EQ(error(R"({"fchown": "fd", "uid": 8})"), "ok");
  EXPECT_EQ(value(R"({"fstat": "fd"})")["uid"], 8);
  EXPECT_EQ(value(R"({"fstat": "fd"})")["gid"], 7);
  EXPECT_EQ(error(R"({"utimens": "d/f", "mtime": [1, 2], "atime": "omit"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "d/f"})")["mtime"], Json::parse("[1, 2]"));
  EXPECT_EQ(value(R"({"stat": "d/f"})")["atime"], Json::parse("[1000000000, 0]"));
  EXPECT_EQ(error(R"({"futimens": "fd", "atime": 3, "mtime": "now"})"), "ok");
  EXPECT_EQ(value(R"({"statx": "d/f"})")["atime"], Json::parse("[3, 0]"));
  EXPECT_TRUE(value(R"({"statx": "d/f"})")["attributes"].is_array());
  EXPECT_EQ(error(R"({"syncfs": "fd"})"), "ok");
  EXPECT_FALSE(value(R"({"statfs": "d"})")["readonly"].get<bool>());
  if (error(R"({"getflags": "fd"})") == "ok") {
    EXPECT_EQ(error(R"({"setflags": "fd", "flags": "FS_NODUMP_FL"})"), "ok");
    const Json flags = value(R"({"getflags": "fd"})")["flags"];
    EXPECT_NE(std::find(flags.begin(), flags.end(), "FS_NODUMP_FL"), flags.end());
  }
}

TEST_F(ExecutorTest, ExtendedAttributesAndAcls) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  if (error(R"({"setxattr": "d/f", "name": "user.a", "value": "1\uf7ff"})") != "ok")
    GTEST_SKIP() << "no xattrs";
  EXPECT_EQ(value(R"({"getxattr": "d/f", "name": "user.a"})")["value"], "1\uf7ff");
  EXPECT_EQ(error(R"({"setxattr": "d/f", "name": "user.a", "value": "2", "flags": "XATTR_CREATE"})"),
            "EEXIST");
  EXPECT_EQ(value(R"({"listxattr": "d/f"})")["names"], Json::parse(R"(["user.a"])"));
  EXPECT_EQ(error(R"({"removexattr": "d/f", "name": "user.a"})"), "ok");
  EXPECT_EQ(value(R"({"getxattr": "d/f", "name": "user.a"})"), "ENODATA");
  const std::string acl = "u::rw-,u:1000:rwx,g::r--,m::rwx,o::---";
  EXPECT_EQ(error(R"({"setfacl": "d/f", "acl": ")" + acl + "\"}"), "ok");
  EXPECT_EQ(value(R"({"getfacl": "d/f"})")["acl"], acl);
  EXPECT_EQ(value(R"({"stat": "d/f"})")["mode"], "0670");
  EXPECT_EQ(error(R"({"setfacl": "d", "default": true, "acl": "u::rwx,g::---,o::---"})"), "ok");
  EXPECT_EQ(value(R"({"getfacl": "d", "default": true})")["acl"], "u::rwx,g::---,o::---");
  EXPECT_EQ(error(R"({"setfacl": "d/f", "acl": null})"), "ok");
  EXPECT_THROW((void)run(R"({"setfacl": "d/f", "acl": "nonsense"})"), BadCase);
}

TEST_F(ExecutorTest, ProgramsAreRun) {
  EXPECT_EQ(value(R"({"run": ["cat", "d/f"]})"),
            Json::parse(R"({"status": 0, "stdout": "hello", "stderr": ""})"));
  EXPECT_EQ(error(R"({"put": "d/f", "data": "#!/bin/sh\necho $0 $1\n"})"), "ok");
  EXPECT_EQ(error(R"({"chmod": "d/f", "mode": "0755"})"), "ok");
  EXPECT_EQ(value(R"({"execve": "d/f", "args": ["x"]})")["status"], 0);
}

TEST_F(ExecutorTest, WatchesLocksAndHandles) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(error(R"({"inotify": "d", "mask": "IN_DELETE", "as": "watch"})"), "ok");
  EXPECT_EQ(error(R"({"unlink": "d/f"})"), "ok");
  EXPECT_EQ(value(R"({"events": "watch"})")["events"], Json::parse(R"(["IN_DELETE f"])"));
  EXPECT_EQ(error(R"({"open": "g", "flags": "O_RDWR", "as": "a"})"), "ok");
  EXPECT_EQ(error(R"({"open": "g", "flags": "O_RDWR", "as": "b"})"), "ok");
  EXPECT_EQ(error(R"({"flock": "a", "op": "LOCK_EX|LOCK_NB"})"), "ok");
  EXPECT_EQ(error(R"({"flock": "b", "op": "LOCK_EX|LOCK_NB"})"), "EAGAIN");
  EXPECT_EQ(error(R"({"fcntl_lock": "a", "type": "F_WRLCK", "ofd": true})"), "ok");
  EXPECT_EQ(error(R"({"fcntl_lock": "b", "type": "F_RDLCK", "ofd": true})"), "EAGAIN");
  EXPECT_EQ(error(R"({"lease": "a", "type": "F_WRLCK"})"), "EAGAIN");  // opened twice
  if (error(R"({"name_to_handle": "g", "as": "h"})") == "ok") {
    EXPECT_EQ(error(R"({"open_by_handle": "h", "flags": "O_RDONLY", "as": "again"})"), "ok");
    EXPECT_EQ(executor_->handles().count("h"), 1U);
    EXPECT_EQ(value(R"({"read": "again"})")["data"], "other");
  }
}

TEST_F(ExecutorTest, ActorsAct) {
  if (error(R"({"mkdir": "no", "actor": "alice"})") == "skip") GTEST_SKIP() << "only one user here";
  EXPECT_EQ(error(R"({"mkdir": "no", "actor": "alice"})"), "EACCES");
  EXPECT_EQ(error(R"({"chmod": ".", "mode": "0777"})"), "ok");
  EXPECT_EQ(error(R"({"mkdir": "hers", "actor": "alice"})"), "ok");
  EXPECT_EQ(value(R"({"stat": "hers"})")["uid"], 1000);
}

TEST_F(ExecutorTest, TracksMeetAtBarriers) {
  const StepResult result = run(R"({"parallel": [
      [{"mkdir": "a"}, {"barrier": "one"}, {"stat": "b"}, {"barrier": "one"}, {"rmdir": "b"}],
      [{"mkdir": "b"}, {"barrier": "one"}, {"stat": "a"}, {"barrier": "one"}, {"rmdir": "a"}]]})");
  ASSERT_EQ(result.tracks.size(), 2U);
  for (const auto& track : result.tracks) {
    ASSERT_EQ(track.size(), 5U);
    for (const StepResult& step : track) {
      EXPECT_TRUE(step.ran);
      EXPECT_EQ(step.error, 0);
    }
  }
}

TEST_F(ExecutorTest, ATrackThatBreaksHoldsNobodyUp) {
  EXPECT_THROW(
      (void)run(
          R"({"parallel": [[{"read": "nobody"}, {"barrier": "x"}], [{"barrier": "x"}], [{"barrier": "y"}]]})"),
      BadCase);
}

TEST_F(ExecutorTest, TracksRunAsTheirActors) {
  const StepResult result = run(R"({"parallel": [
      [{"put": "d/f", "data": "x", "actor": "alice"}], [{"put": "d/f", "data": "x"}]]})");
  if (!result.skip.empty()) GTEST_SKIP() << result.skip;
  EXPECT_EQ(result.tracks[0][0].error, EACCES);
  EXPECT_EQ(result.tracks[1][0].error, 0);
}

TEST_F(ExecutorTest, ForgetsDescriptorsEvenThoseWhoseNameWasGivenAway) {
  const auto open_descriptors = [] {
    long count = 0;
    for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const long before = open_descriptors();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(error(R"({"open": "g", "flags": "O_RDONLY", "as": "fd"})"), "ok");
  EXPECT_EQ(error(R"({"open": "gone", "flags": "O_RDONLY", "as": "fd"})"), "ENOENT");
  EXPECT_EQ(error(R"({"read": "fd"})"), "EBADF");
  EXPECT_EQ(open_descriptors(), before + 3);
  executor_->forget();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(ExecutorOnOverlay, StepsRunAndNothingStaysBusy) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const Scratch scratch;
  in_child([&scratch] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return;
    ASSERT_EQ(::mount("none", scratch.path().c_str(), "tmpfs", 0, nullptr), 0);
    const Fd dir(::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(build_tree(
        dir.get(),
        tree_from_json(Json::parse(R"({"l/": {"d/": {"f": "low"}}, "u/": {}, "w/": {}, "m/": {}})"), "")));
    const std::string merged = scratch.path() + "/m";
    const std::string options = "lowerdir=" + scratch.path() + "/l,upperdir=" + scratch.path() +
                                "/u,workdir=" + scratch.path() + "/w";
    if (::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) return;
    Fd root(::open(merged.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto vfs = open_kernel_vfs(root.get());
    ASSERT_TRUE(vfs);
    root.reset();
    const std::map<std::string, Actor> actors;
    {
      Executor executor(**vfs, actors);
      Step step{.op = "put", .args = Json::parse(R"({"put": "d/f", "data": "up", "flags": "O_TRUNC"})")};
      EXPECT_EQ(executor.run(step).error, 0);
      step = {.op = "open", .args = Json::parse(R"({"open": "d/f"})"), .as = "fd"};
      EXPECT_EQ(executor.run(step).error, 0);
      step = {.op = "parallel", .args = Json::object()};
      step.tracks = {{{.op = "unlink", .args = Json::parse(R"({"unlink": "d/f"})")}},
                     {{.op = "readdir", .args = Json::parse(R"({"readdir": "d"})")}}};
      EXPECT_EQ(executor.run(step).tracks[0][0].error, 0);
    }
    (*vfs)->let_go();
    EXPECT_EQ(::umount2(merged.c_str(), 0), 0) << errno;
    const Fd upper(::openat(dir.get(), "u", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Tree seen = snapshot(upper.get());
    const Tree* whiteout = find_node(seen, "d/f");
    ASSERT_NE(whiteout, nullptr);
    EXPECT_EQ(whiteout->type, NodeType::character);
    EXPECT_EQ(seen.trouble, "");
  });
}

}  // namespace
}  // namespace ovlcheck
