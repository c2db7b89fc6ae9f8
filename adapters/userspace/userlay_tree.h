// UserlayTree: what all actors of one mounted userlay share.
#pragma once

#include <memory>

#include "adapters/userspace/descriptors.h"
#include "adapters/userspace/file_locks.h"
#include "adapters/userspace/host_rules.h"
#include "adapters/userspace/id_view.h"
#include "adapters/userspace/node.h"
#include "adapters/userspace/special_files.h"

namespace ovlcheck {

class UserlayTree {
 public:
  // `scratch`: a directory outside of all layers for stand-ins of fifos and devices.
  UserlayTree(std::unique_ptr<userlay::Overlay> overlay, Fd scratch)
      : overlay_(std::move(overlay)), special_files_(std::move(scratch)) {}

  userlay::Overlay& overlay() { return *overlay_; }
  const HostRules& rules() const { return rules_; }
  const userlay::Caller& mounter() const { return mounter_; }
  const IdView& ids() const { return ids_; }
  const NodePtr& root() const { return root_; }
  SpecialFiles& special_files() { return special_files_; }
  FileLocks& locks() { return locks_; }
  DescriptorTable& descriptors() { return descriptors_; }

 private:
  // The order matters: descriptors go first, the overlay last.
  std::unique_ptr<userlay::Overlay> overlay_;
  HostRules rules_ = HostRules::read();
  IdView ids_;
  userlay::Caller mounter_ = userlay::Caller::self();
  NodePtr root_ = std::make_shared<const Node>(Node{userlay::kRootNode, S_IFDIR, {}});
  SpecialFiles special_files_;
  FileLocks locks_;
  DescriptorTable descriptors_{[this](const OpenFile& file) { locks_.closed(file); }};
};

}  // namespace ovlcheck
