#include "adapters/userspace/like_kernel_harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <stdexcept>

#include "adapters/userspace/userspace_adapter.h"
#include "harness/case/vocabulary.h"
#include "harness/ops/fd.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/layers.h"

namespace ovlcheck::like_kernel {
namespace {

// One overlay over fresh layers, seen through a Vfs.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Vfs& vfs() = 0;
};

std::string shown(const std::string& path) {
  if (path.size() < 40) return "\"" + path + "\"";
  return "\"" + path.substr(0, 8) + "...\" (" + std::to_string(path.size()) + " bytes)";
}

[[noreturn]] void broken(const std::string& what, int error = errno) {
  throw std::runtime_error(what + ": " + errno_name(error));
}

// The KernelVfs keeps the thread inside of its root.
void home() {
  if (const auto gone = go_home(); !gone) broken("go home", gone.error());
}

// The layers of one side, below a directory of its own on tmpfs.
class LayersOnDisk {
 public:
  LayersOnDisk(int base, const std::string& name, const Layers& layers, bool writable) {
    if (::mkdirat(base, name.c_str(), 0755) != 0) broken("mkdir " + name);
    directory_.reset(::openat(base, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) broken("open " + name);
    for (const char* layer : {"lower0", "upper", "work", "merged"})
      if (::mkdirat(directory_.get(), layer, 0755) != 0) broken(std::string("mkdir ") + layer);
    build("lower0", layers.lower);
    build("upper", layers.upper);
    dirs_.dir = directory_.get();
    dirs_.lowers = {"lower0"};
    if (writable) {
      dirs_.upper = "upper";
      dirs_.work = "work";
    } else {
      dirs_.lowers.insert(dirs_.lowers.begin(), "upper");
    }
  }

  const LayerDirs& dirs() const { return dirs_; }
  Tree look(const std::string& layer) const {
    const Fd fd = open(layer);
    return snapshot(fd.get());
  }

 private:
  Fd open(const std::string& layer) const {
    Fd fd(::openat(directory_.get(), layer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) broken("open " + layer);
    return fd;
  }
  void build(const std::string& layer, const Tree& tree) {
    std::string where;
    const auto built = build_tree(open(layer).get(), tree, &where);
    if (!built) broken("build " + layer + "/" + where, built.error());
  }

  Fd directory_;
  LayerDirs dirs_;
};

class KernelSubject : public Subject {
 public:
  KernelSubject(const LayerDirs& dirs, bool userxattr) : dir_(dirs.dir), merged_(dirs.merged) {
    std::string data = "lowerdir=" + dirs.lowers[0];
    for (size_t i = 1; i < dirs.lowers.size(); ++i) data += ":" + dirs.lowers[i];
    if (!dirs.upper.empty()) data += ",upperdir=upper,workdir=work";
    if (userxattr) data += ",userxattr";
    if (::fchdir(dir_) != 0) broken("fchdir");
    if (::mount("test", merged_.c_str(), "overlay", 0, data.c_str()) != 0) broken("mount " + data);
    root_.reset(::openat(dir_, merged_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root_) broken("open merged");
    auto opened = open_kernel_vfs(root_.get());
    if (!opened) broken("open_kernel_vfs", opened.error());
    vfs_ = std::move(*opened);
  }
  ~KernelSubject() override {
    vfs_.reset();
    root_.reset();
    // What is left of it goes with the namespace.
    if (::fchdir(dir_) == 0) (void)::umount2(merged_.c_str(), MNT_DETACH);
  }
  Vfs& vfs() override { return *vfs_; }

 private:
  int dir_;
  std::string merged_;
  Fd root_;
  std::unique_ptr<Vfs> vfs_;
};

class UserlaySubject : public Subject {
 public:
  UserlaySubject(const LayerDirs& dirs, const Environment& environment) {
    auto mounted = make_userlay_adapter(environment, {})->mount(dirs, {});
    if (!mounted) broken(mounted.error().message, mounted.error().error);
    mount_ = std::move(*mounted);
  }
  Vfs& vfs() override { return mount_->vfs(); }

 private:
  std::unique_ptr<Mount> mount_;
};

// What two trees differ in, leaving out what no two trees share (inode numbers, times).
void tree_differences(const Tree& kernel, const Tree& userlay, const std::string& path,
                      std::vector<std::string>& found) {
  const auto say = [&](const std::string& what) { found.push_back(path + ": " + what); };
  if (kernel.type != userlay.type) return say("type");
  if (kernel.mode != userlay.mode) say("mode");
  if (kernel.uid != userlay.uid || kernel.gid != userlay.gid) say("owner");
  if (kernel.content.digest() != userlay.content.digest()) say("content");
  if (kernel.target != userlay.target) say("target");
  if (kernel.nlink != userlay.nlink) say("nlink");
  if (kernel.trouble != userlay.trouble) say("trouble: " + kernel.trouble + " / " + userlay.trouble);
  // A hint, which the kernel gives before it tries to copy up; that may fail.
  const auto is_hint = [](const std::string& name) { return name.ends_with("overlay.impure"); };
  for (const auto& [name, value] : kernel.xattrs)
    if (!userlay.xattrs.contains(name) && !is_hint(name)) say("only the kernel has " + name);
  for (const auto& [name, value] : userlay.xattrs)
    if (!kernel.xattrs.contains(name) && !is_hint(name)) say("only userlay has " + name);
  for (const auto& [name, child] : kernel.children) {
    const auto other = userlay.children.find(name);
    if (other == userlay.children.end())
      say("only the kernel has " + name);
    else
      tree_differences(child, other->second, path + "/" + name, found);
  }
  for (const auto& [name, child] : userlay.children)
    if (!kernel.children.contains(name)) say("only userlay has " + name);
}

}  // namespace

struct Comparison::Side {
  Side(const Place& place, const Setup& setup, bool kernel)
      : layers(place.base, kernel ? "kernel" : "userlay", setup.layers, setup.writable) {
    if (kernel)
      subject = std::make_unique<KernelSubject>(layers.dirs(), place.environment.privilege != "root");
    else
      subject = std::make_unique<UserlaySubject>(layers.dirs(), place.environment);
    if (!setup.actor) return;
    auto acting = subject->vfs().act_as(*setup.actor);
    if (!acting) broken("act_as", acting.error());
    view = std::move(*acting);
  }

  std::string call(const std::function<std::string(Vfs&)>& what) {
    const std::string said = what(view ? *view : subject->vfs());
    home();
    return said;
  }
  Tree merged() {
    Tree seen = snapshot(subject->vfs());
    home();
    return seen;
  }

  LayersOnDisk layers;
  std::unique_ptr<Subject> subject;
  std::unique_ptr<Vfs> view;
};

Comparison::Comparison(Place place, Setup setup) : place_(std::move(place)), setup_(std::move(setup)) {
  renew();
}

Comparison::~Comparison() = default;

void Comparison::renew() {
  since_renewal_.clear();
  kernel_.reset();
  userlay_.reset();
  home();
  if (const auto removed = remove_below(place_.base); !removed) broken("clean up", removed.error());
  kernel_ = std::make_unique<Side>(place_, setup_, true);
  home();
  userlay_ = std::make_unique<Side>(place_, setup_, false);
}

void Comparison::find_tree_differences() {
  std::vector<std::string> found;
  tree_differences(kernel_->merged(), userlay_->merged(), "merged", found);
  tree_differences(kernel_->layers.look("upper"), userlay_->layers.look("upper"), "upper", found);
  if (!found.empty() && !since_renewal_.empty()) {
    const std::string after = "after " + since_renewal_.back() + ":";
    for (const std::string& one : found) differences_.push_back(after + " " + one);
  }
}

void Comparison::compare_trees() {
  find_tree_differences();
  renew();
}

bool Comparison::same_answer(const std::string& what, const std::function<std::string(Vfs&)>& call) {
  const std::string kernel = kernel_->call(call);
  const std::string userlay = userlay_->call(call);
  one_said_ok_ = kernel.starts_with("ok") || userlay.starts_with("ok");
  since_renewal_.push_back(what);
  if (kernel != userlay)
    differences_.push_back(what + ":\n    kernel  " + kernel + "\n    userlay " + userlay);
  return kernel == userlay;
}

// Calls that fail must change nothing, so that all up to the next success can share their layers.
void Comparison::compare(const std::string& what, const std::function<std::string(Vfs&)>& call,
                         bool changes) {
  (void)same_answer(what, call);
  if (changes && one_said_ok_) compare_trees();
}

void Comparison::all(const std::vector<Named>& calls, const std::vector<std::string>& paths) {
  for (const Named& one : calls)
    for (const std::string& path : paths)
      compare(
          one.name + " " + shown(path), [&](Vfs& vfs) { return one.call(vfs, path); }, one.changes);
  compare_trees();
}

void Comparison::all_pairs(const std::vector<NamedOfTwo>& calls, const std::vector<std::string>& from,
                           const std::vector<std::string>& to) {
  for (const NamedOfTwo& one : calls)
    for (const std::string& a : from)
      for (const std::string& b : to)
        compare(
            one.name + " " + shown(a) + " " + shown(b), [&](Vfs& vfs) { return one.call(vfs, a, b); }, true);
  compare_trees();
}

void Comparison::any_order(const std::vector<Named>& calls, const std::vector<NamedOfTwo>& pairs,
                           const std::vector<std::string>& paths, unsigned seed, int steps) {
  std::mt19937 random(seed);
  const auto below = [&](size_t limit) { return random() % limit; };
  renew();
  for (int step = 0; step < steps; ++step) {
    const std::string& a = paths[below(paths.size())];
    const std::string& b = paths[below(paths.size())];
    bool same = false;
    if (below(3) == 0) {
      const NamedOfTwo& pair = pairs[below(pairs.size())];
      same = same_answer(pair.name + " " + a + " " + b, [&](Vfs& vfs) { return pair.call(vfs, a, b); });
    } else {
      const Named& call = calls[below(calls.size())];
      same = same_answer(call.name + " " + a, [&](Vfs& vfs) { return call.call(vfs, a); });
    }
    const size_t before = differences_.size();
    if (!same || step % 10 == 9 || step + 1 == steps) find_tree_differences();
    if (same && differences_.size() == before) continue;
    std::string history = "    seed " + std::to_string(seed) + ":";
    for (const std::string& one : since_renewal_) history += " (" + one + ")";
    differences_.push_back(history);
    return;
  }
}

void Comparison::stories(const std::vector<Story>& stories) {
  for (const Story& story : stories) {
    (void)same_answer(story.name, story.tell);
    compare_trees();
  }
}

namespace {

// ---- the child that may mount

void write_file(const char* path, const std::string& text) {
  std::ofstream(path) << text;
}

// Mounts of its own; outside of root's hands in a user namespace of its own. Says why not.
std::string enter_namespaces(Environment& environment) {
  const bool root = ::geteuid() == 0;
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) return "unshare: " + errno_name(errno);
  if (!root) {
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  }
  environment.privilege = root ? "root" : "userns";
  environment.mapped_uids = root;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "private mounts: " + errno_name(errno);
  if (::mount("test", "/tmp", "tmpfs", 0, nullptr) != 0) return "mount tmpfs: " + errno_name(errno);
  return "";
}

std::vector<std::string> work_in_namespaces(const Work& work) {
  Place place;
  const std::string trouble = enter_namespaces(place.environment);
  if (!trouble.empty()) return {"skip " + trouble};
  const Fd base(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  place.base = base.get();
  try {
    if (!base) broken("open /tmp");
    return work(place);
  } catch (const std::exception& error) {
    return {std::string("broken: ") + error.what()};
  }
}

void send(int to, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t sent = ::write(to, text.data() + at, text.size() - at);
    if (sent < 0) return;
    at += static_cast<size_t>(sent);
  }
}

std::string receive(int from) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(from, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  return text;
}

}  // namespace

void expect_no_difference(const Work& work) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd from(ends[0]), to(ends[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (const std::string& one : work_in_namespaces(work)) send(to.get(), one + "\n");
    ::_exit(0);
  }
  to.reset();
  const std::string text = receive(from.get());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  if (text.starts_with("skip ")) GTEST_SKIP() << text;
  if (!text.empty()) ADD_FAILURE() << text;
}

}  // namespace ovlcheck::like_kernel
