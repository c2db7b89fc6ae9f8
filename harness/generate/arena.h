// Arena: subjects mounted over the same layers, in which many scenarios lie side by side, each in a directory
// of its own (a lane).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "harness/generate/scenario.h"
#include "harness/run/sandbox.h"

namespace ovlcheck::generate {

// The parties that are compared, by number: the reference that was named first, the subject, further
// references.
inline constexpr size_t kReference = 0, kSubject = 1;

class Arena {
 public:
  // Builds the layers in `sandbox` and mounts all parties, which must be able to run there and outlive the
  // arena. Lower layers are shared by those that write marks like the first. Throws std::runtime_error with
  // the subject's words.
  Arena(const Sandbox& sandbox, const std::vector<Adapter*>& parties,
        const std::vector<const Scenario*>& lanes, Options options = {});
  ~Arena();
  Arena(const Arena&) = delete;

  // Absolute path of a lane in all merged trees.
  static std::string place(size_t lane);

  size_t parties() const { return parties_.size(); }
  Vfs& vfs(size_t party) { return parties_[party].mount->vfs(); }
  // The same as an ordinary user. Throws std::runtime_error where that cannot be had.
  Vfs& vfs_of_other_user(size_t party);
  // Unmounts all, calls `offline` with a view of each one's upper (where it has one), mounts all again. All
  // descriptors are closed by then.
  void remount(const std::function<void(Vfs& upper)>& offline);
  // As they are now, in terms of meaning; the lanes are the children of the roots.
  Tree merged(size_t party);
  Tree upper(size_t party);
  // Does that party keep an upper of its own?
  bool has_upper(size_t party) const { return !parties_[party].dirs.upper.empty(); }
  // Have lower layers changed since they were built?
  bool lowers_changed() const;

 private:
  struct Party {
    Adapter* adapter = nullptr;
    LayerDirs dirs;
    std::unique_ptr<Mount> mount;
    std::unique_ptr<Vfs> other_user;  // goes before the mount
    Fd upper;
  };
  void prepare(size_t party, const std::vector<Tree>& lowers, const Tree& upper);
  void build(const Dialect* dialect, const std::string& name, const Tree& tree);
  void bring_up(Party& party);
  uint64_t lower_fingerprint() const;

  Fd directory_;
  std::string path_;
  Options options_;
  std::vector<Party> parties_;
  std::vector<std::string> lowers_;  // all directories of lower layers
  uint64_t lowers_before_ = 0;
};

}  // namespace ovlcheck::generate
