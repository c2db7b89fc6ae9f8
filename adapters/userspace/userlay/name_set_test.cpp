#include "adapters/userspace/userlay/name_set.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace userlay {
namespace {

namespace fs = std::filesystem;

class NameSetOfADirectory : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/names-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    std::ofstream(path_ / "there").put('x');
    auto fd = sys::open_at(AT_FDCWD, path_.c_str(), O_PATH | O_DIRECTORY);
    ASSERT_TRUE(fd);
    at_ = At{share(std::move(*fd)), ""};
  }
  void TearDown() override { fs::remove_all(path_); }

  void miss(int times) {
    for (int i = 0; i < times; ++i) names_.missed(at_);
  }
  bool lacks(std::string_view name) const { return names_.lacks(NameSet::hash(name)); }

  fs::path path_;
  At at_;
  NameSet names_;
};

TEST_F(NameSetOfADirectory, IsSureOfNothingBeforeItWasRead) {
  miss(3);
  EXPECT_FALSE(lacks("there"));
  EXPECT_FALSE(lacks("elsewhere"));
}

TEST_F(NameSetOfADirectory, TellsWhatIsNotThereAfterAFewMisses) {
  miss(20);
  EXPECT_FALSE(lacks("there"));
  EXPECT_TRUE(lacks("elsewhere"));
  EXPECT_TRUE(lacks("There"));
}

TEST_F(NameSetOfADirectory, IsSureOfNothingWhereItCannotRead) {
  at_.name = "gone";
  miss(20);
  EXPECT_FALSE(lacks("elsewhere"));
}

TEST(PlainFileSystems, DoNotIncludeProc) {
  auto proc = sys::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
  ASSERT_TRUE(proc);
  EXPECT_FALSE(sys::is_plain_fs(proc->get()));
}

}  // namespace
}  // namespace userlay
