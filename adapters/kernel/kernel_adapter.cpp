#include "adapters/kernel/kernel_adapter.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "harness/ops/faults.h"
#include "harness/ops/fd.h"
#include "harness/ops/kernel_vfs.h"

namespace ovlcheck {
namespace {

class KernelMount : public Mount {
 public:
  KernelMount(int case_dir, std::string merged) : case_dir_(case_dir), merged_(std::move(merged)) {}

  ~KernelMount() override {
    if (!mounted_) return;
    vfs_.reset();
    root_.reset();
    // By force: whatever still uses it goes on using a detached tree until the worker ends.
    if (fchdir(case_dir_) == 0) (void)umount2(merged_.c_str(), MNT_DETACH);
  }

  Sys<void> open() {
    root_.reset(openat(case_dir_, merged_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root_) return failed(errno);
    auto vfs = open_kernel_vfs(root_.get());
    if (!vfs) return failed(vfs.error());
    vfs_ = std::move(*vfs);
    return {};
  }

  Vfs& vfs() override { return *vfs_; }
  int directory() override { return root_.get(); }

  Sys<void> unmount() override {
    if (vfs_) vfs_->let_go();
    vfs_.reset();
    root_.reset();
    if (fchdir(case_dir_) != 0) return failed(errno);
    if (umount2(merged_.c_str(), 0) != 0) return failed(errno);
    mounted_ = false;
    return {};
  }

 private:
  int case_dir_;
  std::string merged_;
  bool mounted_ = true;
  Fd root_;
  std::unique_ptr<Vfs> vfs_;
};

// "Y\n" of a module parameter as a mount option's value.
std::string parameter(const char* name, const char* when_unknown) {
  std::ifstream file(std::string("/sys/module/overlay/parameters/") + name);
  std::string value;
  if (!(file >> value)) return when_unknown;
  return value == "Y" ? "on" : "off";
}

// What the running kernel does about an option nobody sets (Documentation: "Module options").
Options kernel_defaults() {
  Options options;
  const bool follows = parameter("redirect_always_follow", "on") == "on";
  options["redirect_dir"] = parameter("redirect_dir", "off") == "on" ? "on" : follows ? "follow" : "nofollow";
  options["metacopy"] = parameter("metacopy", "off");
  options["index"] = parameter("index", "off");
  options["nfs_export"] = parameter("nfs_export", "off");
  options["xino"] = parameter("xino_auto", "off") == "on" ? "auto" : "off";
  return options;
}

// What mount(2) takes of an option string, its end included: one page.
constexpr size_t kLongestMountData = 4096;

// fsconfig(2), by which every layer is named on its own (since Linux 6.8), for more of them than mount(2)
// takes.
Sys<void> mount_layer_by_layer(const LayerDirs& dirs, const Options& options) {
  const Fd context(fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) return failed(errno);
  const auto set = [&](const char* name, const std::string& value) {
    return fsconfig(context.get(), FSCONFIG_SET_STRING, name, value.c_str(), 0) == 0;
  };
  for (const auto& layer : dirs.lowers)
    if (!set("lowerdir+", layer)) return failed(errno);
  for (const auto& layer : dirs.data)
    if (!set("datadir+", layer)) return failed(errno);
  if (!dirs.upper.empty() && (!set("upperdir", dirs.upper) || !set("workdir", dirs.work)))
    return failed(errno);
  for (const auto& [name, value] : options) {
    const bool is_set = value.empty()
                            ? fsconfig(context.get(), FSCONFIG_SET_FLAG, name.c_str(), nullptr, 0) == 0
                            : set(name.c_str(), value);
    if (!is_set) return failed(errno);
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return failed(errno);
  const Fd tree(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!tree) return failed(errno);
  if (move_mount(tree.get(), "", AT_FDCWD, dirs.merged.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return failed(errno);
  return {};
}

Sys<void> mount_at_once(const LayerDirs& dirs, const std::string& data) {
  if (::mount("ovlcheck", dirs.merged.c_str(), "overlay", 0, data.c_str()) != 0) return failed(errno);
  return {};
}

bool has_overlayfs() {
  std::ifstream known("/proc/filesystems");
  for (std::string word; known >> word;)
    if (word == "overlay") return true;
  return false;
}

class KernelAdapter : public Adapter {
 public:
  KernelAdapter(const Environment& environment, Options defaults)
      : environment_(environment),
        defaults_(std::move(defaults)),
        dialect_(overlayfs_dialect(environment.privilege == "root" ? "trusted.overlay." : "user.overlay.")) {
    // In a user namespace trusted.* cannot be written, so that overlayfs works with user.* only.
    if (environment_.privilege != "root") defaults_.emplace("userxattr", "");
    const Options kernel = kernel_defaults();
    in_force_ = kernel;
    // userxattr alone turns these off (fs/overlayfs/params.c, ovl_fs_params_verify).
    if (defaults_.count("userxattr")) {
      in_force_["redirect_dir"] = kernel.at("redirect_dir") == "on" ? "nofollow" : kernel.at("redirect_dir");
      in_force_["metacopy"] = "off";
    }
  }

  std::optional<std::string> missing(const Environment& environment) const override {
    if (environment.privilege == "none")
      return "mounting needs real root or a user namespace, and neither is to be had here";
    if (!has_overlayfs()) return "this kernel has no overlayfs (modprobe overlay)";
    if (environment.privilege != "userns") return std::nullopt;
    // 459c7c565ac3 ("ovl: unprivieged mounts"), seen on 5.10 and 6.1. Asked, since distributions had it
    // before: without a lower layer the mount fails in any case, with EINVAL where it is allowed at all.
    if (version_in_range(environment.kernel, "<5.11") && ::mount("ovlcheck", "/", "overlay", 0, "") != 0 &&
        errno == EPERM)
      return "user namespaces can mount overlayfs since Linux 5.11, this is " + environment.kernel;
    return without_user_marks(environment, defaults_);
  }

  std::optional<std::string> cannot(const Case&) const override { return std::nullopt; }
  std::string version() const override { return "Linux " + environment_.kernel; }
  const Dialect& dialect() const override { return *dialect_; }

  Options effective(const Options& asked) const override {
    Options all = asked;
    all.insert(defaults_.begin(), defaults_.end());
    // "off" means "follow" where redirects are always followed (Documentation, "redirect_dir=off").
    if (auto redirect = all.find("redirect_dir"); redirect != all.end() && redirect->second == "off")
      redirect->second = kernel_defaults().at("redirect_dir") == "nofollow" ? "nofollow" : "follow";
    all.insert(in_force_.begin(), in_force_.end());
    return all;
  }

  tl::expected<std::unique_ptr<Mount>, MountError> mount(const LayerDirs& dirs,
                                                         const Options& options) override {
    Options all = options;
    all.insert(defaults_.begin(), defaults_.end());
    const std::string data = mount_data(dirs, all);
    auto fail = [&](int error) {
      return tl::make_unexpected(
          MountError{error, "mount -t overlay -o " + data + ": " + std::strerror(error)});
    };
    if (fchdir(dirs.dir) != 0) return fail(errno);
    const auto done = under_faults([&] {
      return data.size() >= kLongestMountData ? mount_layer_by_layer(dirs, all) : mount_at_once(dirs, data);
    });
    if (!done) return fail(done.error());
    auto mounted = std::make_unique<KernelMount>(dirs.dir, dirs.merged);
    if (auto opened = mounted->open(); !opened) return fail(opened.error());
    return mounted;
  }

 private:
  Environment environment_;
  Options defaults_;
  Options in_force_;
  std::unique_ptr<Dialect> dialect_;
};

}  // namespace

std::string mount_data(const LayerDirs& dirs, const Options& options) {
  std::string data = "lowerdir=";
  for (size_t i = 0; i < dirs.lowers.size(); ++i) data += (i ? ":" : "") + dirs.lowers[i];
  for (const auto& layer : dirs.data) data += "::" + layer;
  if (!dirs.upper.empty()) data += ",upperdir=" + dirs.upper + ",workdir=" + dirs.work;
  for (const auto& [name, value] : options) data += "," + (value.empty() ? name : name + "=" + value);
  return data;
}

std::unique_ptr<Adapter> make_kernel_adapter(const Environment& environment, const Options& defaults) {
  return std::make_unique<KernelAdapter>(environment, defaults);
}

}  // namespace ovlcheck
