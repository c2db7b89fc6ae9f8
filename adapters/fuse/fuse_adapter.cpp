#include "adapters/fuse/fuse_adapter.h"

#include <fmt/format.h>

#include <fstream>
#include <regex>

#include "adapters/fuse/command.h"
#include "adapters/fuse/dialects.h"

namespace ovlcheck {
namespace {

// `first` and what `second` has besides.
Options merged(Options first, const Options& second) {
  first.insert(second.begin(), second.end());
  return first;
}

// Does /proc/filesystems name it?
bool kernel_has(const std::string& filesystem) {
  std::ifstream file("/proc/filesystems");
  for (std::string word; file >> word;)
    if (word == filesystem) return true;
  return false;
}

class FuseAdapter : public Adapter {
 public:
  FuseAdapter(const Descriptor& descriptor, const Environment& environment, const Options& defaults,
              const FuseLimits& limits)
      : descriptor_(descriptor),
        defaults_(defaults),
        limits_(limits),
        kernel_(environment.kernel),
        dialect_(make_dialect(descriptor.dialect,
                              environment.privilege == "root" ? "trusted.overlay." : "user.overlay.")) {
    if (descriptor_.kernel_options && environment.privilege != "root") defaults_.emplace("userxattr", "");
  }

  std::optional<std::string> missing(const Environment& environment) const override;
  std::optional<std::string> cannot(const Case& c) const override;
  std::string version() const override;
  Options effective(const Options& asked) const override {
    return effective_options(descriptor_, merged(asked, defaults_));
  }
  const Dialect& dialect() const override { return *dialect_; }
  tl::expected<std::unique_ptr<Mount>, MountError> mount(const LayerDirs& dirs,
                                                         const Options& options) override;

 private:
  std::optional<std::string> cannot_take(const Options& options) const;
  std::optional<std::string> cannot_do(const Step& step) const;

  Descriptor descriptor_;
  Options defaults_;
  FuseLimits limits_;
  std::string kernel_;  // uname -r
  std::unique_ptr<Dialect> dialect_;
};

std::optional<std::string> FuseAdapter::missing(const Environment& environment) const {
  const std::string& program = descriptor_.mount.front();
  if (environment.privilege == "none") return "mounting needs root or a user namespace";
  if (descriptor_.filesystem == "fuse" && !environment.dev_fuse) return "no /dev/fuse";
  if (descriptor_.filesystem != "fuse" && !kernel_has(descriptor_.filesystem))
    return "this kernel has no " + descriptor_.filesystem;
  if (find_program(program).empty())
    return program + " is not installed" +
           (descriptor_.package.empty() ? "" : ": apt-get install " + descriptor_.package);
  if (descriptor_.kernel_options)
    if (auto why = without_user_marks(environment, defaults_)) return why;
  return cannot_take(defaults_);
}

std::optional<std::string> FuseAdapter::cannot_take(const Options& options) const {
  for (const auto& [option, value] : options)
    if (auto why = unsupported(descriptor_, option, value)) return why;
  return std::nullopt;
}

std::optional<std::string> FuseAdapter::cannot_do(const Step& step) const {
  if (step.op == "tmpfile" && step.expect == "ok" && descriptor_.filesystem == "fuse" &&
      !version_in_range(kernel_, ">=6.1"))
    return "FUSE has O_TMPFILE since Linux 6.1, this is " + kernel_;
  const Json options = step.op == "mount" || step.op == "remount" || step.op == "overlay"
                           ? step.args.value(step.op == "overlay" ? "mount" : step.op, Json())
                           : Json();
  if (options.is_object())
    for (const auto& [option, value] : options.items())
      if (auto why = unsupported(descriptor_, option, value.is_string() ? value.get<std::string>() : ""))
        return why;
  return std::nullopt;
}

std::optional<std::string> FuseAdapter::cannot(const Case& c) const {
  if (!c.upper && descriptor_.mount_read_only.empty())
    return descriptor_.name + " has no mounts without an upper layer";
  if (!c.data.empty() && !descriptor_.kernel_options) return descriptor_.name + " has no data-only layers";
  if (descriptor_.max_lowers && c.lowers.size() > *descriptor_.max_lowers)
    return fmt::format("{} has at most {} lower layers", descriptor_.name, *descriptor_.max_lowers);
  if (auto why = cannot_take(c.mount)) return why;
  std::optional<std::string> why;
  (void)any_step(c.steps, [&](const Step& step) {
    why = cannot_do(step);
    return why.has_value();
  });
  return why;
}

std::string FuseAdapter::version() const {
  constexpr std::chrono::seconds limit(5);
  if (descriptor_.version_command.empty()) return descriptor_.name;
  auto program = Daemon::start(descriptor_.version_command, descriptor_.environment);
  if (!program || !(*program)->wait(limit)) return descriptor_.name;
  const std::string words = (*program)->said();
  std::smatch match;
  if (!std::regex_search(words, match, std::regex(descriptor_.version_pattern))) return descriptor_.name;
  return descriptor_.name + " " + match[1].str();
}

tl::expected<std::unique_ptr<Mount>, MountError> FuseAdapter::mount(const LayerDirs& dirs,
                                                                    const Options& options) {
  const auto argv = mount_command(descriptor_, dirs, merged(options, defaults_));
  if (!argv) return tl::unexpected(argv.error());
  return mount_by_program(descriptor_, *argv, dirs, limits_);
}

}  // namespace

std::unique_ptr<Adapter> make_fuse_adapter(const Descriptor& descriptor, const Environment& environment,
                                           const Options& defaults, const FuseLimits& limits) {
  return std::make_unique<FuseAdapter>(descriptor, environment, defaults, limits);
}

}  // namespace ovlcheck
