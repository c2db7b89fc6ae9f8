// Special files: fifos and devices of an overlay, opened through a stand-in outside of its layers.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/userspace/node.h"
#include "harness/ops/fd.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// A fifo or device node with a name in the scratch directory, removed with the last one who has it open. Like
// the kernel's overlayfs, all names and layers of a fifo meet in this one object, whatever is copied up.
class SpecialFile {
 public:
  // EPERM where device nodes cannot be made.
  static Sys<std::shared_ptr<SpecialFile>> make(int directory, const std::string& name, mode_t type,
                                                dev_t device);
  ~SpecialFile();
  SpecialFile(const SpecialFile&) = delete;
  SpecialFile& operator=(const SpecialFile&) = delete;

  // Blocks and fails as open(2) on such a file does.
  Sys<Fd> open(int flags) const;

 private:
  SpecialFile(int directory, std::string name) : directory_(directory), name_(std::move(name)) {}

  int directory_;
  std::string name_;
};

// The stand-ins in use, by node. May be used from any thread.
class SpecialFiles {
 public:
  // `directory` is where stand-ins live; owned here.
  explicit SpecialFiles(Fd directory) : directory_(std::move(directory)) {}

  // The one object for this node.
  Sys<std::shared_ptr<SpecialFile>> of(const Node& node, dev_t device);

 private:
  Fd directory_;
  std::mutex mutex_;
  std::map<userlay::NodeId, std::weak_ptr<SpecialFile>> files_;
};

}  // namespace ovlcheck
