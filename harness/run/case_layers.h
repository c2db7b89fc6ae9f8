// CaseLayers: the layers of one case, in directories of its own or in those of a stage - built, looked at,
// and watched for change.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "harness/case/case.h"
#include "harness/run/lower_file_systems.h"
#include "harness/run/sandbox.h"
#include "harness/run/stage.h"

namespace ovlcheck {

// What cannot be done throws Stop. A layer is called as in cases ("lower[1]"), its directory as in LayerDirs.
class CaseLayers {
 public:
  // All must outlive it; `stage` may be null.
  CaseLayers(const Case& c, Adapter& adapter, const Sandbox& sandbox, const Stage* stage);

  // Builds them, or finds them staged.
  void prepare();
  tl::expected<std::unique_ptr<Mount>, MountError> mount(const Options& options);
  // Mounts them in another order of the lower layers from now on.
  void reorder(const Json& indices);

  const LayerDirs& dirs() const { return dirs_; }
  // The layers that are watched for change.
  const std::vector<std::string>& names() const { return names_; }
  // Nothing if the case has no such layer.
  std::optional<std::string> directory_of(const std::string& layer) const;
  Fd open(const std::string& directory) const;
  // What a layer holds, in terms of meaning.
  Tree look(const std::string& layer);

  // More directories, beside the layers. A tree is built in the subject's format if it is to be `encoded`.
  void make_directory(const std::string& name) const;
  void build(const std::string& directory, const Tree& tree, bool encoded) const;
  // Puts it on a file system of its own where lower layers shall lie on one.
  void mount_empty(const std::string& directory);
  void make_read_only(const std::string& directory);

  // One number per layer in names(): equal = nothing changed.
  std::vector<uint64_t> fingerprints();
  // All layers that must never change, as one number.
  uint64_t fingerprint_of_lowers();

 private:
  void find_staged();
  void add_layer(std::vector<std::string>& group, const std::string& name, const Tree& tree);
  int descriptor(const std::string& layer);
  uint64_t fingerprint_of(const std::string& layer);

  static inline long next_directory_ = 0;
  const Case& case_;
  Adapter& adapter_;
  const Sandbox& sandbox_;
  const Stage* stage_;
  const std::string staged_name_;
  Fd directory_;
  LayerDirs dirs_;
  LowerFileSystems lower_file_systems_;
  std::vector<std::string> names_;
  std::map<std::string, Fd> descriptors_;
};

}  // namespace ovlcheck
