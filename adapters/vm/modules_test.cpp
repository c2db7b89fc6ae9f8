#include "adapters/vm/modules.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

class ModulesTest : public testing::Test {
 protected:
  ModulesTest() {
    std::string pattern = testing::TempDir() + "modules-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
    fs::create_directories(directory_ / "kernel/fs");
  }
  ~ModulesTest() override { fs::remove_all(directory_); }

  void module(const std::string& file, const std::string& depends) {
    std::ofstream out(directory_ / "kernel/fs" / file, std::ios::binary);
    out << std::string(
               "\x7f"
               "ELF\0license=GPL\0depends=",
               25)
        << depends << std::string("\0name=x\0", 8);
  }

  std::string order(const std::vector<std::string>& wanted) {
    std::string names;
    for (const auto& one : load_order(directory_.string(), wanted)) names += one.name + " ";
    return names;
  }

  fs::path directory_;
};

TEST_F(ModulesTest, DependenciesComeFirstAndOnce) {
  module("a.ko", "b-x,c");
  module("b-x.ko", "c");
  module("c.ko", "");
  EXPECT_EQ(order({"a", "c"}), "c b_x a ");
}

TEST_F(ModulesTest, BuiltInAndUnknownOnesAreLeftOut) {
  module("a.ko", "b");
  module("b.ko", "");
  std::ofstream(directory_ / "modules.builtin") << "kernel/fs/b.ko\n";
  EXPECT_EQ(order({"a", "nowhere"}), "a ");
}

TEST_F(ModulesTest, CompressedOnesAreUnpacked) {
  if (std::system("xz --version >/dev/null 2>&1 && zstd --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "no xz or zstd here";
  module("a.ko", "b");
  module("b.ko", "");
  ASSERT_EQ(std::system(("xz -q " + (directory_ / "kernel/fs/a.ko").string()).c_str()), 0);
  ASSERT_EQ(std::system(("zstd -q --rm " + (directory_ / "kernel/fs/b.ko").string()).c_str()), 0);
  EXPECT_EQ(order({"a"}), "b a ");
  EXPECT_EQ(load_order(directory_.string(), {"b"}).at(0).content.substr(0, 4),
            "\x7f"
            "ELF");
}

TEST_F(ModulesTest, DamagedOnesAreReported) {
  std::ofstream(directory_ / "kernel/fs/a.ko.xz") << "not xz";
  EXPECT_THROW((void)order({"a"}), std::runtime_error);
  EXPECT_THROW((void)load_order((directory_ / "kernel").string(), {"a"}), std::runtime_error);
}

TEST(Modules, NamesOfFiles) {
  EXPECT_EQ(module_name("crc32c-intel.ko.xz"), "crc32c_intel");
  EXPECT_EQ(module_name("overlay.ko"), "overlay");
  EXPECT_EQ(module_name("modules.dep"), "");
}

}  // namespace
}  // namespace ovlcheck
