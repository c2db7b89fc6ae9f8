// The same random operations on kernel overlayfs and on userlay, over the same lower layers: every errno, the
// merged view and the upper layer on disk must agree. Then each mounts what the other left behind.
#include <random>

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
  static const char* const kinds[] = {"write",  "append", "truncate", "mkdir",    "unlink",  "rmdir",
                                      "rename", "rename", "link",     "symlink",  "chmod",   "setxattr",
                                      "mknod",  "read",   "list",     "exchange", "remount", "chown",
                                      "touch",  "acl",    "mkdir"};
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

// A default ACL that gives user 4711 something.
std::string default_acl(int number) {
  std::string acl("\2\0\0\0", 4);
  const auto add = [&](char tag, int perm, unsigned id) {
    acl += {tag, 0, static_cast<char>(perm), 0};
    for (int shift = 0; shift < 32; shift += 8) acl += static_cast<char>(id >> shift);
  };
  const unsigned none = ~0u;
  add(0x01, 7, none);
  add(0x02, number & 7, is_root() ? 4711 : ::geteuid());
  add(0x04, 5, none);
  add(0x10, 5 | (number & 2), none);
  add(0x20, number & 5, none);
  return acl;
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
  if (s.what == "chown") {
    const uid_t id = is_root() ? static_cast<uid_t>(s.number) : ::geteuid();
    return result(::lchown(a.c_str(), id, ::getegid()));
  }
  if (s.what == "touch") {
    const timespec times[2] = {{1000 + s.number, 0}, {2000 + s.number, 0}};
    return result(::utimensat(AT_FDCWD, a.c_str(), times, AT_SYMLINK_NOFOLLOW));
  }
  if (s.what == "acl") {
    const std::string acl = default_acl(s.number);
    return special ? 0
                   : result(::lsetxattr(a.c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0));
  }
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
  if (s.what == "chown") {
    SetAttr change;
    change.uid = is_root() ? static_cast<uid_t>(s.number) : ::geteuid();
    change.gid = ::getegid();
    return p.setattr(s.a, change);
  }
  if (s.what == "touch") {
    SetAttr change;
    change.atime = timespec{1000 + s.number, 0};
    change.mtime = timespec{2000 + s.number, 0};
    return p.setattr(s.a, change);
  }
  if (s.what == "acl")
    return special ? 0 : p.setxattr(s.a, "system.posix_acl_default", default_acl(s.number));
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

struct Variant {
  const char* name;
  const char* options;
  bool trusted;   // needs trusted.*
  bool other_fs;  // the second lower layer is on another file system
};

class Differential : public ::testing::TestWithParam<std::tuple<Variant, unsigned>> {
 protected:
  void SetUp() override { old_umask_ = ::umask(0); }
  void TearDown() override { ::umask(old_umask_); }

  mode_t old_umask_ = 0;
};

// Everything far in the past, so that times kept from lower layers can be told from new ones.
void age(const fs::path& root, std::set<ino_t>& inodes) {
  const timespec times[2] = {{500, 0}, {600, 0}};
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    struct stat st;
    EXPECT_EQ(::lstat(entry.path().c_str(), &st), 0);
    inodes.insert(st.st_ino);
    EXPECT_EQ(::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
}

TEST_P(Differential, AgreesWithTheKernel) {
  const auto& [variant, seed] = GetParam();
  if (variant.trusted && !is_root()) GTEST_SKIP() << "needs trusted.*";
  const std::string extra = is_root() ? variant.options : "userxattr";
  const bool userxattr = extra.find("userxattr") != std::string::npos;
  Layers ours(1), theirs(0);
  const TempDir second(variant.other_fs ? fs::temp_directory_path() : fast_base());
  make_lower(ours.lower(), seed * 2 + 1, true, userxattr);
  make_lower(second.path(), seed * 2 + 2, false, userxattr);
  add_hard_links(second.path());
  Detail seen;
  age(ours.lower(), seen.known_inodes);
  age(second.path(), seen.known_inodes);
  seen.old_before = 1'000'000;
  // Inode numbers of different file systems may coincide, and user.overlay.origin cannot be stored on
  // symlinks and special files, so how long theirs stay the same depends on caches.
  if (variant.other_fs || userxattr) seen.known_inodes.clear();
  Detail stored = seen;
  stored.marks = true;
  const auto options = [&](const Layers& l) {
    return "lowerdir=" + ours.lower().string() + ":" + second.path().string() +
           ",upperdir=" + l.upper().string() + ",workdir=" + (l.dir / "work").string() +
           (extra.empty() ? "" : "," + extra);
  };
  const std::string before = real_tree(ours.lower(), stored) + real_tree(second.path(), stored);
  const auto steps = make_steps(seed, 150);
  const fs::path merged = theirs.dir / "merged";
  const auto kernel = with_kernel_overlay(options(theirs), merged, [&] {
    const std::string log = log_of(steps, [&](const Step& s, std::string& out) {
      if (s.what != "remount") return kernel_step(merged, s, out);
      if (::umount2(merged.c_str(), 0) < 0) return errno;
      return ::mount("overlay", merged.c_str(), "overlay", 0, options(theirs).c_str()) < 0 ? errno : 0;
    });
    return log + "merged\n" + real_tree(merged, seen);
  });
  if (!kernel) GTEST_SKIP() << "kernel overlayfs cannot be mounted here";
  std::string result;
  {
    auto overlay = mount(options(ours));
    ASSERT_NE(overlay, nullptr);
    result = log_of(steps, [&](const Step& s, std::string& out) {
      Paths paths(*overlay);
      if (s.what != "remount") return userlay_step(paths, s, out);
      overlay.reset();
      overlay = mount(options(ours));
      return overlay ? 0 : EIO;
    });
    result += "merged\n" + overlay_tree(*overlay, seen);
  }
  EXPECT_EQ(difference(*kernel, result), "");
  EXPECT_EQ(difference(real_tree(theirs.upper(), stored), real_tree(ours.upper(), stored)), "");
  EXPECT_EQ(before, real_tree(ours.lower(), stored) + real_tree(second.path(), stored))
      << "a lower layer changed";

  // What userlay left is the same overlay to the kernel, and the other way round.
  const auto reread = with_kernel_overlay(options(ours), ours.dir / "merged",
                                          [&] { return real_tree(ours.dir / "merged", seen); });
  const auto merged_part = [](const std::string& text) { return text.substr(text.find("merged\n") + 7); };
  ASSERT_TRUE(reread);
  EXPECT_EQ(difference(*reread, merged_part(result)), "");
  auto overlay = mount(options(theirs));
  ASSERT_NE(overlay, nullptr);
  EXPECT_EQ(difference(merged_part(*kernel), overlay_tree(*overlay, seen)), "");
}

constexpr Variant kVariants[] = {{"default", "", false, false},
                                 {"userxattr", "userxattr", false, false},
                                 {"redirect", "redirect_dir=on", true, false},
                                 {"metacopy", "metacopy=on", true, false},
                                 {"index", "index=on", true, false},
                                 {"all", "index=on,metacopy=on,redirect_dir=on", true, false},
                                 {"two_fs", "", false, true},
                                 {"two_fs_all", "index=on,metacopy=on,redirect_dir=on,xino=on", true, true}};

INSTANTIATE_TEST_SUITE_P(Random, Differential,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1u, 6u)),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param).name) + "_" +
                                  std::to_string(std::get<1>(instance.param));
                         });

}  // namespace
}  // namespace userlay::testing
