// The same random operations on kernel overlayfs and on userlay, over the same lower layers: every errno, the
// merged view and the upper layer on disk must agree. Then each mounts what the other left behind.
#include <random>
#include <sstream>

#include "adapters/userspace/userlay/test_support.h"

namespace userlay::testing {
namespace {

struct Step {
  std::string what;
  std::string a, b;
  int number = 0;
};

std::string to_text(const Step& step) {
  return step.what + " " + step.a + (step.b.empty() ? "" : " " + step.b) + " " + std::to_string(step.number);
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine_); }
  std::string path() {
    static const char* const names[] = {"a", "b", "c", "d"};
    std::string out;
    for (int depth = 1 + below(3); depth > 0; --depth)
      out += (out.empty() ? "" : "/") + std::string(names[below(4)]);
    return out;
  }

 private:
  std::mt19937 engine_;
};

std::vector<Step> make_steps(unsigned seed, int count) {
  static const char* const kinds[] = {"write",  "append", "truncate", "mkdir",   "unlink", "rmdir",
                                      "rename", "rename", "link",     "symlink", "chmod",  "setxattr",
                                      "mknod",  "read",   "list",     "exchange"};
  Random random(seed);
  std::vector<Step> steps;
  for (int i = 0; i < count; ++i) {
    Step step{kinds[random.below(std::size(kinds))], random.path(), "", random.below(8)};
    if (step.what == "rename" || step.what == "link" || step.what == "exchange") step.b = random.path();
    steps.push_back(step);
  }
  return steps;
}

// Random lower trees with whiteouts and opaque directories where they can mean something.
void make_lower(const fs::path& root, unsigned seed, bool above_another, bool userxattr) {
  Random random(seed);
  for (int i = 0; i < 14; ++i) {
    const fs::path path = root / random.path();
    std::error_code ignored;
    fs::create_directories(path.parent_path(), ignored);
    if (!fs::is_directory(path.parent_path(), ignored) || fs::exists(fs::symlink_status(path, ignored)))
      continue;
    switch (random.below(above_another ? 7 : 5)) {
      case 0:
      case 1:
        put(path, "lower " + std::to_string(i));
        fs::permissions(path, static_cast<fs::perms>(0600 | random.below(0200)));
        break;
      case 2:
        fs::create_directory(path);
        break;
      case 3:
        fs::create_symlink("target" + std::to_string(i), path);
        break;
      case 4:
        EXPECT_EQ(::mkfifo(path.c_str(), 0644), 0);
        break;
      case 5:
        EXPECT_EQ(::mknod(path.c_str(), S_IFCHR, 0), 0);
        break;
      default:
        fs::create_directory(path);
        EXPECT_EQ(::setxattr(path.c_str(), (userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque"),
                             "y", 1, 0),
                  0);
    }
  }
}

void add_hard_links(const fs::path& root) {
  std::error_code ignored;
  fs::create_directories(root / "a", ignored);
  fs::create_directories(root / "c", ignored);
  std::ofstream(root / "linked") << "shared";
  for (const char* name : {"a/b", "c/d", "a/linked"})
    fs::create_hard_link(root / "linked", root / name, ignored);
}

// One step through the kernel, below `root`.
int kernel_step(const fs::path& root, const Step& s, std::string& out) {
  const std::string a = root / s.a, b = root / s.b;
  const auto result = [](int r) { return r < 0 ? errno : 0; };
  const auto write_file = [&](int flags, const std::string& data) {
    Fd fd(::open(a.c_str(), flags | O_NONBLOCK | O_NOFOLLOW, 0644));
    if (!fd) return errno;
    return ::write(fd.get(), data.data(), data.size()) < 0 ? errno : 0;
  };
  struct stat st;
  const bool exists = ::lstat(a.c_str(), &st) == 0;
  const bool special = exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
  if (s.what == "write")
    return special ? 0 : write_file(O_WRONLY | O_CREAT | O_TRUNC, "w" + std::to_string(s.number));
  if (s.what == "append")
    return special ? 0 : write_file(O_WRONLY | O_APPEND, "+" + std::to_string(s.number));
  if (s.what == "truncate") return special ? 0 : result(::truncate(a.c_str(), s.number));
  if (s.what == "mkdir") return result(::mkdir(a.c_str(), 0755));
  if (s.what == "unlink") return result(::unlink(a.c_str()));
  if (s.what == "rmdir") return result(::rmdir(a.c_str()));
  if (s.what == "rename") return result(::rename(a.c_str(), b.c_str()));
  if (s.what == "exchange")
    return result(::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
  if (s.what == "link") return result(::link(a.c_str(), b.c_str()));
  if (s.what == "symlink") return result(::symlink("t", a.c_str()));
  if (s.what == "chmod")
    return special ? 0 : result(::chmod(a.c_str(), 0700 | static_cast<mode_t>(s.number)));
  if (s.what == "setxattr") return special ? 0 : result(::lsetxattr(a.c_str(), "user.test", "v", 1, 0));
  if (s.what == "mknod") return result(::mknod(a.c_str(), S_IFIFO | 0644, 0));
  if (s.what == "read") {
    if (exists && S_ISREG(st.st_mode)) out += slurp(a);
    return exists ? 0 : errno;
  }
  if (exists && S_ISDIR(st.st_mode)) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(a)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    for (const auto& name : names) out += name + ",";
  }
  return 0;
}

int userlay_step(Paths& p, const Step& s, std::string& out) {
  const struct stat st = p.stat(s.a);
  const bool exists = st.st_mode != 0;
  const bool special = exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
  const std::string text = std::to_string(s.number);
  if (s.what == "write") return special ? 0 : p.write(s.a, "w" + text);
  if (s.what == "append") return special ? 0 : p.write(s.a, "+" + text, O_WRONLY | O_APPEND);
  if (s.what == "truncate") return special ? 0 : p.truncate(s.a, s.number);
  if (s.what == "mkdir") return p.mkdir(s.a);
  if (s.what == "unlink") return p.unlink(s.a);
  if (s.what == "rmdir") return p.rmdir(s.a);
  if (s.what == "rename") return p.rename(s.a, s.b);
  if (s.what == "exchange") return p.rename(s.a, s.b, RENAME_EXCHANGE);
  if (s.what == "link") return p.link(s.a, s.b);
  if (s.what == "symlink") return p.symlink("t", s.a);
  if (s.what == "chmod") return special ? 0 : p.chmod(s.a, 0700 | static_cast<mode_t>(s.number));
  if (s.what == "setxattr") return special ? 0 : p.setxattr(s.a, "user.test", "v");
  if (s.what == "mknod") return p.mknod(s.a, S_IFIFO | 0644);
  if (s.what == "read") {
    if (exists && S_ISREG(st.st_mode)) out += p.read(s.a);
    return exists ? 0 : p.error(s.a);
  }
  if (exists && S_ISDIR(st.st_mode)) {
    for (const auto& name : p.list(s.a)) out += name + ",";
  }
  return 0;
}

template <class Run>
std::string log_of(const std::vector<Step>& steps, Run run) {
  std::string log;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::string out;
    const int error = run(steps[i], out);
    log += std::to_string(i) + " " + to_text(steps[i]) + " => " + (error ? std::strerror(error) : "ok") +
           " " + out + "\n";
  }
  return log;
}

// The first line in which the texts differ.
std::string difference(const std::string& kernel, const std::string& ours) {
  std::istringstream a(kernel), b(ours);
  std::string x, y;
  for (;;) {
    const bool more_a = static_cast<bool>(std::getline(a, x));
    const bool more_b = static_cast<bool>(std::getline(b, y));
    if (!more_a && !more_b) return "";
    if (!more_a) x = "(end)";
    if (!more_b) y = "(end)";
    if (x != y) return "kernel:  " + x + "\nuserlay: " + y + "\n";
  }
}

struct Variant {
  const char* name;
  const char* options;
  bool trusted;  // needs trusted.*
};

class Differential : public ::testing::TestWithParam<std::tuple<Variant, unsigned>> {};

TEST_P(Differential, AgreesWithTheKernel) {
  const auto& [variant, seed] = GetParam();
  if (variant.trusted && !is_root()) GTEST_SKIP() << "needs trusted.*";
  const mode_t old_umask = ::umask(0);
  std::string extra = variant.options;
  if (!is_root()) extra = "userxattr";
  const bool userxattr = extra.find("userxattr") != std::string::npos;
  Layers ours(2);
  Layers theirs(0);
  make_lower(ours.lower(0), seed * 2 + 1, true, userxattr);
  make_lower(ours.lower(1), seed * 2 + 2, false, userxattr);
  add_hard_links(ours.lower(1));
  const std::string lowers = "lowerdir=" + ours.lower(0).string() + ":" + ours.lower(1).string();
  const auto options = [&](const Layers& l) {
    return lowers + ",upperdir=" + l.upper().string() + ",workdir=" + (l.dir / "work").string() +
           (extra.empty() ? "" : "," + extra);
  };
  const std::string before = real_tree(ours.lower(0), true) + real_tree(ours.lower(1), true);
  const auto steps = make_steps(seed, 150);
  const fs::path merged = theirs.dir / "merged";
  const auto kernel = with_kernel_overlay(options(theirs), merged, [&] {
    const std::string log =
        log_of(steps, [&](const Step& s, std::string& out) { return kernel_step(merged, s, out); });
    return log + "merged\n" + real_tree(merged, false);
  });
  if (!kernel) {
    ::umask(old_umask);
    GTEST_SKIP() << "kernel overlayfs cannot be mounted here";
  }
  std::string result;
  {
    auto overlay = mount(options(ours));
    ASSERT_NE(overlay, nullptr);
    Paths paths(*overlay);
    result = log_of(steps, [&](const Step& s, std::string& out) { return userlay_step(paths, s, out); });
    result += "merged\n" + overlay_tree(*overlay);
  }
  EXPECT_EQ(difference(*kernel, result), "");
  EXPECT_EQ(difference(real_tree(theirs.upper(), true), real_tree(ours.upper(), true)), "");
  EXPECT_EQ(before, real_tree(ours.lower(0), true) + real_tree(ours.lower(1), true))
      << "a lower layer changed";

  // What userlay left is the same overlay to the kernel, and the other way round.
  const auto reread = with_kernel_overlay(options(ours), ours.dir / "merged",
                                          [&] { return real_tree(ours.dir / "merged", false); });
  const auto merged_part = [](const std::string& text) { return text.substr(text.find("merged\n") + 7); };
  ASSERT_TRUE(reread);
  EXPECT_EQ(difference(*reread, merged_part(result)), "");
  auto overlay = mount(options(theirs));
  ASSERT_NE(overlay, nullptr);
  EXPECT_EQ(difference(merged_part(*kernel), overlay_tree(*overlay)), "");
  ::umask(old_umask);
}

constexpr Variant kVariants[] = {{"default", "", false},
                                 {"userxattr", "userxattr", false},
                                 {"redirect", "redirect_dir=on", true},
                                 {"metacopy", "metacopy=on", true},
                                 {"index", "index=on", true},
                                 {"all", "index=on,metacopy=on,redirect_dir=on", true}};

INSTANTIATE_TEST_SUITE_P(Random, Differential,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1u, 7u)),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param).name) + "_" +
                                  std::to_string(std::get<1>(instance.param));
                         });

}  // namespace
}  // namespace userlay::testing
