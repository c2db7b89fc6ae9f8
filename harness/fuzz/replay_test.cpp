// The corpus, and what is near it, as tests: each input, each half of it, and it with single bytes changed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "harness/fuzz/targets.h"

namespace ovlcheck {
namespace {

constexpr int kVariants = 24;  // of each input

class Replay : public testing::TestWithParam<std::string> {};

TEST_P(Replay, TakesItsCorpusAndWhatIsNearIt) {
  const std::string name = GetParam();
  if ((name == "layers" || name == "requests") && ::access("/dev/shm", W_OK) != 0)
    GTEST_SKIP() << "no /dev/shm";
  const FuzzTarget target = fuzz_targets().at(name);
  target("");
  int inputs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(OVLCHECK_SOURCE_DIR "/harness/fuzz/corpus/" + name)) {
    std::stringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string bytes = text.str();
    SCOPED_TRACE(entry.path().string());
    ++inputs;
    target(bytes);
    target(bytes.substr(0, bytes.size() / 2));
    target(bytes.substr(bytes.size() / 2));
    std::mt19937 random(static_cast<unsigned>(bytes.size()));
    for (int i = 0; i < kVariants && !bytes.empty(); ++i) {
      std::string variant = bytes;
      for (int changes = 1 + i % 4; changes > 0; --changes)
        variant[random() % variant.size()] = static_cast<char>(random());
      target(variant);
    }
  }
  EXPECT_GT(inputs, 0);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, target] : fuzz_targets()) all.push_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ovlcheck
