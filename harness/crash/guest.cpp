#include "harness/crash/guest.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "adapters/adapter.h"
#include "harness/ops/executor.h"
#include "harness/ops/fd.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

constexpr const char* kDisk = "/disk";
constexpr const char* kLayers = "/disk/layers";

[[noreturn]] void broken(const std::string& what, int error = errno) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

Environment environment_on(const std::string& fs) {
  struct utsname system;
  if (uname(&system) != 0) broken("uname");
  Environment environment;
  environment.privilege = "root";
  environment.mapped_uids = environment.dev_fuse = true;
  environment.kernel = system.release;
  environment.fs = fs;
  return environment;
}

// Makes the kernel write back all the time, so that a crash finds more than what was synced. Where a kernel
// or file system has no such knob, it writes back when it likes.
void write_back_eagerly() {
  for (const char* knob : {"vm/dirty_writeback_centisecs", "vm/dirty_expire_centisecs"})
    std::ofstream(std::string("/proc/sys/") + knob) << "5\n";
  std::ofstream("/proc/sys/fs/xfs/xfssyncd_centisecs") << "100\n";
}

// Disks are copies of each other, which xfs does not like.
const char* mount_data(const std::string& fs, bool eager) {
  if (fs == "xfs") return "nouuid";
  return eager && fs == "ext4" ? "commit=1" : nullptr;
}

// A disk with layers and a mounted subject, as a case wants it.
class Stage {
 public:
  explicit Stage(const Json& request, const Json& case_json)
      : case_(case_from_json(case_json, "crash", "")),
        subject_(parse_subject(request.at("subject").get<std::string>())),
        adapter_(make_adapter(subject_, environment_on(request.at("fs").get<std::string>()))) {
    const auto fs = request.at("fs").get<std::string>();
    const bool eager = request.at("eager").get<bool>();
    if (eager) write_back_eagerly();
    if (::mount(request.at("disk").get<std::string>().c_str(), kDisk, fs.c_str(), MS_NOATIME,
                mount_data(fs, eager)) != 0)
      broken("mount " + fs);
  }
  ~Stage() {
    executor_.reset();
    mount_.reset();
    layers_.reset();
    if (go_home()) (void)umount2(kDisk, MNT_DETACH);
  }
  Stage(const Stage&) = delete;

  void build() {
    if (mkdir(kLayers, 0755) != 0) broken("mkdir");
    open_layers();
    for (size_t i = 0; i < case_.lowers.size(); ++i) add_layer("lower" + std::to_string(i), case_.lowers[i]);
    if (!case_.upper) throw std::runtime_error("the case has no upper layer");
    add_layer("upper", *case_.upper);
    for (const char* name : {"work", "merged"})
      if (mkdirat(layers_.get(), name, 0755) != 0) broken("mkdir");
    if (syncfs(layers_.get()) != 0) broken("syncfs");
  }

  void open_layers() {
    layers_ = Fd(open(kLayers, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!layers_) broken("open the layers");
  }

  tl::expected<void, MountError> mount_subject() {
    LayerDirs dirs;
    dirs.dir = layers_.get();
    dirs.path = kLayers;
    for (size_t i = 0; i < case_.lowers.size(); ++i) dirs.lowers.push_back("lower" + std::to_string(i));
    dirs.upper = "upper";
    dirs.work = "work";
    Options options = subject_.options;
    for (const auto& [name, value] : case_.mount) options[name] = value;
    auto mounted = adapter_->mount(dirs, options);
    // An emulated processor on a busy host may be too slow for a daemon to come up in time.
    for (int more = 2; !mounted && mounted.error().error == ETIMEDOUT && more > 0; --more)
      mounted = adapter_->mount(dirs, options);
    if (!mounted) return tl::unexpected(mounted.error());
    mount_ = std::move(*mounted);
    executor_ = std::make_unique<Executor>(mount_->vfs(), case_.actors);
    return {};
  }

  Json look() const {
    if (auto home = go_home(); !home) broken("go home", home.error());
    return json_from_tree(snapshot(mount_->directory()));
  }

  StepResult run(size_t step) { return executor_->run(case_.steps.at(step)); }

  // What can be done with any overlay: made, looked up and removed again.
  void try_to_use() const {
    const At name{AT_FDCWD, "made-after-the-crash"};
    if (auto made = mount_->vfs().mkdir(name, 0755); !made) broken("mkdir after the crash", made.error());
    if (auto removed = mount_->vfs().rmdir(name); !removed) broken("rmdir after the crash", removed.error());
  }

  void take_down() {
    if (auto home = go_home(); !home) broken("go home", home.error());
    executor_.reset();
    if (auto down = mount_->unmount(); !down) broken("unmount", down.error());
    mount_.reset();
  }

 private:
  void add_layer(const std::string& name, const Tree& tree) {
    if (mkdirat(layers_.get(), name.c_str(), 0755) != 0) broken("mkdir " + name);
    const Fd layer(openat(layers_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!layer) broken("open " + name);
    if (auto built = build_tree(layer.get(), adapter_->dialect().encode(tree)); !built)
      broken("build " + name, built.error());
  }

  Case case_;
  SubjectName subject_;
  std::unique_ptr<Adapter> adapter_;
  Fd layers_;
  std::unique_ptr<Mount> mount_;
  std::unique_ptr<Executor> executor_;
};

class Guest {
 public:
  Json answer(const Json& request) {
    if (request.contains("begin")) return begin(request);
    if (request.contains("look")) return look(request);
    if (!stage_) throw std::runtime_error("nothing has begun");
    if (request.contains("step")) return step(request["step"].get<size_t>());
    stage_->take_down();
    stage_.reset();
    return Json::object();
  }

  void leave() { stage_.reset(); }

 private:
  Json begin(const Json& request) {
    stage_ = std::make_unique<Stage>(request, request["begin"]);
    stage_->build();
    if (auto mounted = stage_->mount_subject(); !mounted) return refused(mounted.error());
    return Json{{"tree", stage_->look()}};
  }

  Json step(size_t number) {
    const StepResult result = stage_->run(number);
    return Json{{"error", result.error}, {"tree", stage_->look()}};
  }

  Json look(const Json& request) {
    stage_ = std::make_unique<Stage>(request, request["look"]);
    stage_->open_layers();
    if (auto mounted = stage_->mount_subject(); !mounted) return refused(mounted.error());
    Json answer{{"tree", stage_->look()}};
    stage_->try_to_use();
    stage_->take_down();
    stage_.reset();
    return answer;
  }

  Json refused(const MountError& error) {
    stage_.reset();
    return Json{{"refused", error.error}, {"message", error.message}};
  }

  std::unique_ptr<Stage> stage_;
};

void say(const Json& word) {
  std::cout << word.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

}  // namespace

int run_crash_guest() {
  say(Json{{"hello", {{"kernel", environment_on("").kernel}}}});
  Guest guest;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      say(guest.answer(Json::parse(line)));
    } catch (const std::exception& problem) {
      guest.leave();
      say(Json{{"problem", problem.what()}});
    }
  }
  return 0;
}

}  // namespace ovlcheck
