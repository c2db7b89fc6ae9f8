// ReproSubject: what a script must know of a subject - how it is mounted, how its marks are written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/fuse/descriptor.h"
#include "harness/ops/dialect.h"

namespace ovlcheck {

class ReproSubject {
 public:
  // Throws BadCase if there is no such subject, or if no script can start it (it lives in ovlcheck itself).
  explicit ReproSubject(const SubjectName& name);

  const std::string& kind() const { return kind_; }
  bool is_kernel() const { return kind_ == "kernel"; }
  bool has_layers() const { return kind_ != "plain"; }
  // Why it cannot run this case at all, or nothing.
  std::optional<std::string> cannot(const Case& c) const { return adapter_->cannot(c); }
  // Of a program that mounts; nullptr for the others.
  const Descriptor* descriptor() const { return descriptor_ ? &*descriptor_ : nullptr; }
  // Names overlayfs' attributes with kOverlayVariable.
  const Dialect& dialect() const { return *dialect_; }
  const std::string& dialect_name() const { return dialect_name_; }

  // Arguments of the script's mount() for these layers and options: Python source text.
  std::string mount_arguments(const LayerDirs& dirs, const Options& options) const;
  // Arguments of unmounting, "" = umount2(2).
  std::string unmount_arguments() const;
  // Options in force when a case asks for `asked`: Python source text.
  std::string options_in_force(const Options& asked) const;

 private:
  // With the options of the subject's name, and with userxattr where that depends on who runs the script.
  Options all_options(const Options& asked) const;
  bool adds_userxattr(const Options& asked) const;

  std::string kind_;
  Options defaults_;
  std::optional<Descriptor> descriptor_;
  std::unique_ptr<Adapter> adapter_;
  std::string dialect_name_;
  std::unique_ptr<Dialect> dialect_;
};

}  // namespace ovlcheck
