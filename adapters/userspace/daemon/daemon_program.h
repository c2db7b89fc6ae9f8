// DaemonProgram: layers, and the daemon as a program to be started over them; for tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace userlay {

namespace fs = std::filesystem;

class DaemonProgram : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "mounts as root";
    if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
    std::string pattern = testing::TempDir() + "/userlay-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    for (const char* name : {"lower", "upper", "work", "merged"}) fs::create_directory(base_ / name);
    write("lower/f", "hello");
  }

  void TearDown() override {
    if (base_.empty()) return;
    (void)shell("umount -l '" + (base_ / "merged").string() + "' 2>/dev/null");
    fs::remove_all(base_);
  }

  // The exit status of a shell command.
  static int shell(const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  std::string layers() const {
    const std::string base = base_.string();
    return "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work";
  }
  int start(const std::string& more_options = "", const std::string& mount_point = "merged") {
    const std::string base = base_.string();
    return shell(std::string(USERLAY_PROGRAM) + " -o " + layers() + more_options + " " + base + "/" +
                 mount_point + " 2>" + base + "/said");
  }
  int stop() { return shell("umount '" + (base_ / "merged").string() + "'"); }

  void write(const std::string& name, const std::string& text) { std::ofstream(base_ / name) << text; }
  std::string read(const std::string& name) {
    std::ifstream file(base_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path base_;
};

}  // namespace userlay
