#include "adapters/userspace/userlay/mutant.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace userlay {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::set<std::string> all_matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    found.insert((*it)[1]);
  return found;
}

TEST(Mutants, AreListedAsTheyAreSeeded) {
  const std::filesystem::path folder = OVLCHECK_SOURCE_DIR "/adapters/userspace/userlay";
  std::set<std::string> seeded;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".cpp") || name.ends_with("_test.cpp")) continue;
    seeded.merge(all_matches(text_of(entry.path()), std::regex(R"re(mutant\("([a-z-]+)"\))re")));
  }
  const auto listed = all_matches(text_of(folder / "mutants.json"), std::regex(R"re("name": "([a-z-]+)")re"));
  EXPECT_EQ(seeded, listed);
  EXPECT_GE(seeded.size(), 60u);
}

static_assert(!mutant("copy-up-empty"), "the library itself has no faults");

}  // namespace
}  // namespace userlay
