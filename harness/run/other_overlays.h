// OtherOverlays: what a case mounts besides its first overlay, over layers that they may share.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "adapters/adapter.h"
#include "harness/case/case.h"
#include "harness/ops/executor.h"

namespace ovlcheck {

// The directory of a layer ("upper", "work", "merged", "lower[1]", "data[0]"), or nothing if there is none.
std::optional<std::string> layer_directory(const LayerDirs& dirs, const std::string& layer);

// Takes down what is still mounted when it ends, the last one first.
class OtherOverlays {
 public:
  // Both must outlive it.
  OtherOverlays(Adapter& adapter, const std::map<std::string, Actor>& actors);
  ~OtherOverlays();
  OtherOverlays(const OtherOverlays&) = delete;

  // A refused one is remembered as not mounted. The calling thread must be home.
  std::optional<MountError> mount(const std::string& name, LayerDirs dirs, const Options& options);
  // EINVAL if it is not mounted.
  Sys<void> unmount(const std::string& name);
  Sys<void> unmount_all();

  // Null unless it is mounted.
  Mount* mounted(const std::string& name);
  Executor* executor(const std::string& name);
  // Null if nothing of that name was ever mounted or refused.
  const LayerDirs* layers(const std::string& name) const;
  // Is "NAME.merged" a tree that no other mount could use?
  bool has_no_directory(const std::string& layer);

 private:
  struct Overlay {
    std::string name;
    LayerDirs dirs;
    std::unique_ptr<Mount> mount;
    std::unique_ptr<Executor> executor;
  };
  Overlay* find(const std::string& name);
  static Sys<void> unmount(Overlay& overlay);

  Adapter& adapter_;
  const std::map<std::string, Actor>& actors_;
  std::list<Overlay> overlays_;  // in the order they were mounted
};

}  // namespace ovlcheck
