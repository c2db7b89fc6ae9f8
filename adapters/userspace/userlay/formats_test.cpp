// Layers full of whiteouts, redirects, metacopies and opaque marks, also malformed and contradictory ones:
// userlay must see in them what the kernel sees.
#include <random>

#include "adapters/userspace/userlay/test_support.h"

namespace userlay::testing {
namespace {

struct Variant {
  const char* name;
  const char* options;
  int lowers;
  int data_layers;
  bool upper;
};

class Formats : public ::testing::TestWithParam<std::tuple<Variant, unsigned>> {};

class Builder {
 public:
  Builder(unsigned seed, bool userxattr)
      : engine_(seed), prefix_(userxattr ? "user.overlay." : "trusted.overlay.") {}

  void tree(const fs::path& root) {
    for (int i = 0; i < 25; ++i) {
      const fs::path path = root / relative();
      std::error_code failed;
      fs::create_directories(path.parent_path(), failed);
      if (failed || fs::exists(fs::symlink_status(path, failed))) continue;
      make(path, i);
    }
    if (below(4) == 0) mark(root, "opaque", "x");
  }

 private:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine_); }
  std::string name() { return std::string(1, static_cast<char>('a' + below(4))); }
  std::string relative() {
    std::string out = name();
    for (int depth = below(3); depth > 0; --depth) out += "/" + name();
    return out;
  }
  void mark(const fs::path& path, const std::string& what, const std::string& value) {
    EXPECT_EQ(::lsetxattr(path.c_str(), (prefix_ + what).c_str(), value.data(), value.size(), 0), 0) << path;
  }
  std::string redirect() {
    switch (below(12)) {
      case 0:
        return "a//b";
      case 1:
        return "a/b";
      case 2:
      case 3:
      case 4:
        return name();
      default:
        return "/" + relative();
    }
  }
  void make(const fs::path& path, int number) {
    switch (below(11)) {
      case 0:
      case 1:
        put(path, "layer" + std::to_string(layer_) + "file" + std::to_string(number));
        break;
      case 2:
      case 3: {
        put(path, "");
        fs::resize_file(path, static_cast<std::uintmax_t>(below(20)));
        mark(path, "metacopy", below(8) ? "" : "xy");
        if (below(3)) mark(path, "redirect", redirect());
        break;
      }
      case 4:
        EXPECT_EQ(::mknod(path.c_str(), S_IFCHR, 0), 0);
        break;
      case 5:
        put(path, "");
        mark(path, "whiteout", "y");
        break;
      case 6:
        fs::create_directory(path);
        mark(path, "opaque", below(2) ? "y" : "x");
        break;
      case 7:
      case 8:
        fs::create_directory(path);
        mark(path, "redirect", redirect());
        break;
      case 9:
        fs::create_symlink("target" + std::to_string(number), path);
        break;
      default:
        fs::create_directory(path);
    }
  }

  std::mt19937 engine_;
  unsigned layer_;
  std::string prefix_;
};

// Every name that could exist, asked for one by one: contradictory layers make the kernel's readdir fail.
std::vector<std::string> all_names() {
  std::vector<std::string> names, level = {""};
  for (int depth = 0; depth < 3; ++depth) {
    std::vector<std::string> next;
    for (const std::string& base : level) {
      for (const char* name : {"a", "b", "c", "d"}) next.push_back(base + (base.empty() ? "" : "/") + name);
    }
    names.insert(names.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return names;
}

std::string line(const std::string& name, int error, const struct stat& st, const std::string& contents) {
  if (error) return name + ": " + std::strerror(error) + "\n";
  return describe_stat(name, st, {}) + " " + contents + "\n";
}

std::string probe_kernel(const fs::path& root) {
  std::string out;
  for (const std::string& name : all_names()) {
    struct stat st {};
    const int error = ::lstat((root / name).c_str(), &st) < 0 ? errno : 0;
    out += line(name, error, st, !error && S_ISREG(st.st_mode) ? printable(slurp(root / name)) : "");
  }
  return out;
}

std::string probe_ours(Overlay& overlay) {
  Paths paths(overlay);
  std::string out;
  for (const std::string& name : all_names()) {
    const int error = paths.error(name);
    const struct stat st = paths.stat(name);
    out += line(name, error, st, !error && S_ISREG(st.st_mode) ? printable(paths.read(name)) : "");
  }
  return out;
}

TEST_P(Formats, LookTheSameAsInTheKernel) {
  const auto& [variant, seed] = GetParam();
  std::string extra = variant.options;
  const bool userxattr = extra.find("userxattr") != std::string::npos;
  if (!userxattr && !is_root()) GTEST_SKIP() << "needs trusted.*";
  const Layers layers(variant.lowers + variant.data_layers);
  std::string options = "lowerdir=";
  for (int i = 0; i < layers.lowers; ++i) {
    if (i > 0) options += i < variant.lowers ? ":" : "::";
    options += layers.lower(i);
    Builder(seed * 10 + static_cast<unsigned>(i), userxattr).tree(layers.lower(i));
  }
  if (variant.upper) {
    Builder(seed * 10 + 9, userxattr).tree(layers.upper());
    options += ",upperdir=" + layers.upper().string() + ",workdir=" + (layers.dir / "work").string();
  }
  if (!extra.empty()) options += "," + extra;
  std::string ours;
  {
    auto overlay = mount(options);
    ASSERT_NE(overlay, nullptr);
    ours = probe_ours(*overlay);
  }
  const fs::path merged = layers.dir / "merged";
  const auto kernel = with_kernel_overlay(options, merged, [&] { return probe_kernel(merged); });
  if (!kernel) GTEST_SKIP() << "kernel overlayfs cannot be mounted here";
  EXPECT_EQ(difference(*kernel, ours), "") << options;
}

constexpr Variant kVariants[] = {{"follow", "", 3, 0, true},
                                 {"nofollow", "redirect_dir=nofollow", 3, 0, true},
                                 {"metacopy", "metacopy=on", 3, 0, true},
                                 {"read_only", "metacopy=on", 3, 0, false},
                                 {"data", "metacopy=on", 2, 2, true},
                                 {"data_only", "", 2, 1, false},
                                 {"userxattr", "userxattr", 3, 0, true},
                                 {"userxattr_data", "userxattr", 2, 1, false}};

INSTANTIATE_TEST_SUITE_P(Random, Formats,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1u, 6u)),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param).name) + "_" +
                                  std::to_string(std::get<1>(instance.param));
                         });

}  // namespace
}  // namespace userlay::testing
