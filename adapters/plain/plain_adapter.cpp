#include "adapters/plain/plain_adapter.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "harness/ops/fd.h"
#include "harness/ops/kernel_vfs.h"

namespace ovlcheck {
namespace {

class PlainMount : public Mount {
 public:
  PlainMount(Fd root, std::unique_ptr<Vfs> vfs) : root_(std::move(root)), vfs_(std::move(vfs)) {}
  Vfs& vfs() override { return *vfs_; }
  int directory() override { return root_.get(); }
  Sys<void> unmount() override {
    vfs_->let_go();
    return {};
  }

 private:
  Fd root_;
  std::unique_ptr<Vfs> vfs_;
};

class PlainAdapter : public Adapter {
 public:
  std::optional<std::string> missing(const Environment& environment) const override {
    if (environment.privilege == "none")
      return "confining steps to a directory needs real root or a user namespace, and neither is to be had "
             "here";
    return std::nullopt;
  }
  std::optional<std::string> cannot(const Case& c) const override {
    if (!c.mounted) return "plain is never mounted";
    if (!c.upper) return "plain is always writable";
    return std::nullopt;
  }
  std::string version() const override { return "directory"; }
  Options effective(const Options& asked) const override { return asked; }
  const Dialect& dialect() const override { return *dialect_; }
  bool has_layers() const override { return false; }

  tl::expected<std::unique_ptr<Mount>, MountError> mount(const LayerDirs& dirs, const Options&) override {
    auto fail = [](int error) {
      return tl::make_unexpected(MountError{error, std::string("open merged: ") + std::strerror(error)});
    };
    Fd root(openat(dirs.dir, dirs.merged.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(errno);
    auto vfs = open_kernel_vfs(root.get());
    if (!vfs) return fail(vfs.error());
    return std::make_unique<PlainMount>(std::move(root), std::move(*vfs));
  }

 private:
  std::unique_ptr<Dialect> dialect_ = plain_dialect();
};

}  // namespace

std::unique_ptr<Adapter> make_plain_adapter() {
  return std::make_unique<PlainAdapter>();
}

}  // namespace ovlcheck
