#include "adapters/userspace/userspace_adapter.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/userspace/userlay_vfs.h"

namespace ovlcheck {
namespace {

// The mount options as they would follow `mount -o`.
std::string option_text(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += (text.empty() ? "" : ",") + (value.empty() ? name : name + "=" + value);
  return text;
}

const char* on_off(bool on) {
  return on ? "on" : "off";
}

const char* name_of(userlay::RedirectMode mode) {
  switch (mode) {
    case userlay::RedirectMode::kNoFollow:
      return "nofollow";
    case userlay::RedirectMode::kFollow:
      return "follow";
    case userlay::RedirectMode::kOn:
      break;
  }
  return "on";
}

const char* name_of(userlay::XinoMode mode) {
  switch (mode) {
    case userlay::XinoMode::kOff:
      return "off";
    case userlay::XinoMode::kAuto:
      return "auto";
    case userlay::XinoMode::kOn:
      break;
  }
  return "on";
}

class UserlayMount : public Mount {
 public:
  explicit UserlayMount(std::shared_ptr<UserlayTree> tree)
      : tree_(std::move(tree)), vfs_(std::make_unique<UserlayVfs>(tree_, mounter())) {}

  Vfs& vfs() override { return *vfs_; }

  Sys<void> unmount() override {
    if (!tree_->descriptors().empty()) return failed(EBUSY);
    vfs_->let_go();
    return {};
  }

 private:
  userlay::Caller mounter() const {
    userlay::Caller caller = tree_->mounter();
    caller.umask = Actor{}.umask;
    return caller;
  }

  std::shared_ptr<UserlayTree> tree_;
  std::unique_ptr<UserlayVfs> vfs_;
};

// A layer's directory, opened for as long as the mounting takes.
class LayerSet {
 public:
  explicit LayerSet(int base) : base_(base) {}

  Sys<userlay::LayerDir> open(const std::string& name) {
    Fd fd(::openat(base_, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return failed(errno);
    opened_.push_back(std::move(fd));
    return userlay::LayerDir::from_fd(opened_.back().get());
  }

  Sys<void> open_all(const std::vector<std::string>& names, std::vector<userlay::LayerDir>& layers) {
    for (const std::string& name : names) {
      auto layer = open(name);
      if (!layer) return failed(layer.error());
      layers.push_back(std::move(*layer));
    }
    return {};
  }

 private:
  int base_;
  std::vector<Fd> opened_;
};

Sys<void> add_layers(const LayerDirs& dirs, LayerSet& layers, userlay::MountSpec& spec) {
  if (auto opened = layers.open_all(dirs.lowers, spec.lowers); !opened) return opened;
  if (auto opened = layers.open_all(dirs.data, spec.data_lowers); !opened) return opened;
  if (dirs.upper.empty()) return {};
  auto upper = layers.open(dirs.upper);
  if (!upper) return failed(upper.error());
  auto work = layers.open(dirs.work);
  if (!work) return failed(work.error());
  spec.upper = std::move(*upper);
  spec.work = std::move(*work);
  return {};
}

class UserspaceAdapter : public Adapter {
 public:
  UserspaceAdapter(const Environment& environment, Options defaults)
      : privileged_(environment.privilege == "root"), defaults_(std::move(defaults)) {
    // trusted.* xattrs are for real root only.
    if (!privileged_) defaults_.emplace("userxattr", "");
    dialect_ = overlayfs_dialect(defaults_.contains("userxattr") ? "user.overlay." : "trusted.overlay.");
  }

  std::optional<std::string> missing(const Environment& environment) const override {
    return without_user_marks(environment, defaults_);
  }

  std::optional<std::string> cannot(const Case& c) const override {
    if (auto why = lacking(c.mount)) return why;
    for (const Step& step : c.steps) {
      if (step.op != "mount" && step.op != "remount" && step.op != "overlay") continue;
      const Json change = step.args.value(step.op == "overlay" ? "mount" : step.op, Json());
      if (!change.is_object()) continue;
      // That a combination is refused can be seen; what it would do once mounted cannot.
      const bool to_be_refused = step.expect.is_string() && step.expect != "ok";
      if (auto why = lacking(changed_options(c.mount, change, step.where)); why && !to_be_refused) return why;
    }
    return std::nullopt;
  }

  std::string version() const override { return "userlay " USERLAY_VERSION; }

  Options effective(const Options& asked) const override {
    Options all = with_defaults(asked);
    auto spec = userlay::parse_options(option_text(all));
    if (!spec) return all;  // the mount will say what is wrong with them
    spec->upper.emplace();
    const auto options = userlay::resolve_options(*spec, privileged_);
    if (!options) return all;
    all["redirect_dir"] = name_of(options->redirect_dir);
    all["metacopy"] = on_off(options->metacopy);
    all["index"] = on_off(options->index);
    all["nfs_export"] = on_off(options->nfs_export);
    all["xino"] = name_of(options->xino);
    return all;
  }

  const Dialect& dialect() const override { return *dialect_; }

  tl::expected<std::unique_ptr<Mount>, MountError> mount(const LayerDirs& dirs,
                                                         const Options& options) override {
    const std::string text = option_text(with_defaults(options));
    const auto fail = [&](int error) {
      return tl::make_unexpected(MountError{error, "userlay -o " + text + ": " + std::strerror(error)});
    };
    auto spec = userlay::parse_options(text);
    if (!spec) return fail(spec.error());
    LayerSet layers(dirs.dir);
    if (const auto added = add_layers(dirs, layers, *spec); !added) return fail(added.error());
    auto overlay = userlay::Overlay::mount(*spec);
    if (!overlay) return fail(overlay.error());
    Fd scratch(::fcntl(dirs.dir, F_DUPFD_CLOEXEC, 0));
    if (!scratch) return fail(errno);
    return std::make_unique<UserlayMount>(
        std::make_shared<UserlayTree>(std::move(*overlay), std::move(scratch)));
  }

 private:
  // An option that the library does not have, in words.
  std::optional<std::string> lacking(const Options& asked) const {
    const Options options = with_defaults(asked);
    if (const auto verity = options.find("verity"); verity != options.end() && verity->second != "off")
      return "userlay does not verify digests (verity=" + verity->second + ")";
    if (const auto exports = options.find("nfs_export"); exports != options.end() && exports->second == "on")
      return "userlay has no nfs_export";
    for (const char* name : {"override_creds", "nooverride_creds"})
      if (options.contains(name)) return std::string("userlay has no option ") + name;
    return std::nullopt;
  }

  Options with_defaults(const Options& options) const {
    Options all = options;
    all.insert(defaults_.begin(), defaults_.end());
    return all;
  }

  bool privileged_;
  Options defaults_;
  std::unique_ptr<Dialect> dialect_;
};

}  // namespace

std::unique_ptr<Adapter> make_userlay_adapter(const Environment& environment, const Options& defaults) {
  return std::make_unique<UserspaceAdapter>(environment, defaults);
}

}  // namespace ovlcheck
