// Stage: layers under one mount that hold many cases, each in a directory of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "harness/case/case.h"
#include "harness/ops/fd.h"
#include "harness/ops/layers.h"

namespace ovlcheck {

// What the directory of that case is called in every layer and in merged: its name with '@' for '/'.
std::string staged_name(const Case& c);

// Why the case needs a mount that no other case uses (whatever the options), or nothing.
std::optional<std::string> needs_own_mount(const Case& c);

// Builds the layers of the case below `upper` and `lowers` ([0] topmost; at least as many as the case has).
// Returns in words what could not be built.
std::optional<std::string> build_staged(const Case& c, const Dialect& dialect, const Fd& upper,
                                        const std::vector<Fd>& lowers);

class Stage {
 public:
  // `lowers` may be empty: then they cannot be looked at. Without `mount` somebody else mounted it.
  Stage(Fd merged, Fd upper, std::vector<Fd> lowers, std::unique_ptr<Mount> mount = nullptr);
  ~Stage();
  Stage(const Stage&) = delete;

  bool is_foreign() const { return mount_ == nullptr; }
  size_t lowers() const { return lowers_.size(); }
  // Name of the file system that upper is on.
  std::string filesystem() const;
  // How the process behind the mount ended, if that is known.
  std::optional<std::string> died() const;

  // The case's directory in "merged", "upper", "lower0", "lower1", ...
  Sys<Fd> open(const std::string& layer, const std::string& name) const;
  // That directory of merged as a mount of its own; unmounting it only lets it go.
  tl::expected<std::unique_ptr<Mount>, MountError> enter(const std::string& name) const;
  // What the case has in a layer, in terms of meaning.
  Tree look(const std::string& layer, const std::string& name, const Dialect& dialect) const;
  uint64_t fingerprint_of(const std::string& layer, const std::string& name, Notice notice) const;

 private:
  int layer(const std::string& name) const;

  Fd merged_, upper_;
  std::vector<Fd> lowers_;
  std::unique_ptr<Mount> mount_;
  std::unique_ptr<Adapter> directories_;  // subdirectories of merged are used like plain ones
};

// Opens what a user has mounted. Throws std::runtime_error naming the directory.
std::unique_ptr<Stage> open_stage(const std::string& merged, const std::string& upper,
                                  const std::vector<std::string>& lowers);

// Opens a directory of a stage. Throws std::runtime_error naming it.
Fd open_stage_directory(const std::string& path);

}  // namespace ovlcheck
