// Many threads on one overlay: nothing is lost, and what is left on disk is what was seen.
#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "adapters/userspace/userlay/test_support.h"

namespace userlay::testing {
namespace {

void churn(Overlay& overlay, unsigned seed, int steps) {
  std::mt19937 engine(seed);
  const auto below = [&](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine); };
  const auto path = [&] {
    return std::string(1, static_cast<char>('a' + below(3))) + "/" + static_cast<char>('a' + below(4));
  };
  Paths p(overlay);
  for (int i = 0; i < steps; ++i) {
    // Every outcome is allowed; invariants are checked at the end.
    switch (below(9)) {
      case 0:
        p.write(path(), std::string(static_cast<std::size_t>(below(100000)), 'x'));
        break;
      case 1:
        p.unlink(path());
        break;
      case 2:
        p.rename(path(), path());
        break;
      case 3:
        p.link(path(), path());
        break;
      case 4:
        p.list(path().substr(0, 1));
        break;
      case 5:
        p.chmod(path(), 0600);
        break;
      case 6:
        p.read(path());
        break;
      case 7:
        p.mkdir(path());
        break;
      default:
        p.rmdir(path());
    }
  }
}

TEST(Threads, ChurnLeavesWhatItShows) {
  Layers layers(1);
  for (const char* dir : {"a", "b", "c"}) {
    for (const char* name : {"a", "b", "c", "d"}) {
      put(layers.lower() / dir / name, std::string(200000, 'l'));
    }
  }
  const std::string options = layers.options(marks());
  std::string seen;
  {
    auto overlay = mount(options);
    ASSERT_NE(overlay, nullptr);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back([&, i] { churn(*overlay, i, 300); });
    for (auto& thread : threads) thread.join();
    seen = overlay_tree(*overlay);
  }
  auto again = mount(options);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(difference(seen, overlay_tree(*again)), "");
  const auto kernel =
      with_kernel_overlay(options, layers.dir / "merged", [&] { return real_tree(layers.dir / "merged"); });
  EXPECT_EQ(difference(kernel.value_or(seen), seen), "");
}

TEST(Threads, OneOfRenameAndUnlinkFindsTheName) {
  constexpr int kRounds = 30;
  Layers layers(1);
  for (int i = 0; i < kRounds; ++i) put(layers.lower() / std::to_string(i), std::string(1 << 20, 'l'));
  auto overlay = mount(layers.options(marks()));
  ASSERT_NE(overlay, nullptr);
  std::barrier together(2);
  std::vector<int> renamed(kRounds), unlinked(kRounds);
  const auto go = [&](std::vector<int>& results, auto call) {
    Paths p(*overlay);
    for (int i = 0; i < kRounds; ++i) {
      together.arrive_and_wait();
      results[static_cast<std::size_t>(i)] = call(p, std::to_string(i));
    }
  };
  std::thread other(
      [&] { go(renamed, [](Paths& p, const std::string& name) { return p.rename(name, name + "r"); }); });
  // Later, while the file's data is copied for the rename.
  go(unlinked, [](Paths& p, const std::string& name) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    return p.unlink(name);
  });
  other.join();
  for (std::size_t i = 0; i < kRounds; ++i)
    EXPECT_TRUE((renamed[i] == 0 && unlinked[i] == ENOENT) || (renamed[i] == ENOENT && unlinked[i] == 0))
        << i << ": " << renamed[i] << ", " << unlinked[i];
}

TEST(Threads, ConcurrentFirstWritesCopyUpOnce) {
  Layers layers(1);
  put(layers.lower() / "f", std::string(3 << 20, 'l'));
  auto overlay = mount(layers.options(marks()));
  ASSERT_NE(overlay, nullptr);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Paths p(*overlay);
      auto file = p.open("f", O_RDWR);
      const std::string mark(1, static_cast<char>('0' + i));
      if (!file || !(*file)->pwrite(Caller::self(), bytes(mark), i)) ++failures;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  Paths p(*overlay);
  EXPECT_EQ(p.read("f").substr(0, 5), "0123l");
  EXPECT_EQ(p.stat("f").st_size, 3 << 20);
}

}  // namespace
}  // namespace userlay::testing
