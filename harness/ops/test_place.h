// What tests of this folder stand on: a scratch directory that goes away, and children in namespaces.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>

#include "harness/ops/fd.h"
#include "harness/ops/layers.h"

namespace ovlcheck {

class Scratch {
 public:
  Scratch() {
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp: " << errno;
    dir_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Scratch() {
    EXPECT_TRUE(remove_below(dir_.get()));
    EXPECT_EQ(::rmdir(path_.c_str()), 0);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int dir() const { return dir_.get(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = ::testing::TempDir() + "ovlcheck-XXXXXX";
  Fd dir_;
};

inline bool look_whether_root() {
  unsigned long first = 1, outside = 1, count = 0;
  std::ifstream("/proc/self/uid_map") >> first >> outside >> count;
  return ::geteuid() == 0 && first == 0 && outside == 0 && count == 4294967295;
}
// Looked up before any test changes the root.
inline const bool kIsRoot = look_whether_root();

// Root of the machine, not of a user namespace.
inline bool is_root() {
  return kIsRoot;
}

// Runs `body` in a child; its failed expectations are failures here.
inline void in_child(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    body();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}

// Makes the calling process root of a user namespace with this one id, and mounts of its own.
inline bool enter_user_namespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  const auto write = [](const char* file, const std::string& text) {
    return static_cast<bool>(std::ofstream(file) << text << std::flush);
  };
  return write("/proc/self/setgroups", "deny") &&
         write("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") &&
         write("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
}

}  // namespace ovlcheck
