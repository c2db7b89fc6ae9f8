// Arena: two subjects mounted over the same layers, in which many scenarios lie side by side, each in a
// directory of its own (a lane).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "harness/generate/scenario.h"
#include "harness/run/sandbox.h"

namespace ovlcheck::generate {

enum class Side { subject, reference };
inline constexpr Side kSides[] = {Side::reference, Side::subject};

// The two that are compared, both able to run in this sandbox.
struct Pair {
  Adapter& subject;
  Adapter& reference;
};

class Arena {
 public:
  // Builds the layers in `sandbox` and mounts both. Lower layers are shared where both write marks alike.
  // Throws std::runtime_error with the subject's words.
  Arena(const Sandbox& sandbox, const Pair& pair, const std::vector<const Scenario*>& lanes,
        Options options = {});
  ~Arena();
  Arena(const Arena&) = delete;

  // Absolute path of a lane in both merged trees.
  static std::string place(size_t lane);

  Vfs& vfs(Side side) { return at(side).mount->vfs(); }
  // The same as an ordinary user. Throws std::runtime_error where that cannot be had.
  Vfs& vfs_of_other_user(Side side);
  // Unmounts both, calls `offline` with a view of each one's upper (where it has one), mounts both again. All
  // descriptors are closed by then.
  void remount(const std::function<void(Vfs& upper)>& offline);
  // Both as they are now, in terms of meaning; the lanes are the children of the roots.
  Tree merged(Side side);
  Tree upper(Side side);
  // Does that subject keep an upper of its own?
  bool has_upper(Side side) const { return !at(side).dirs.upper.empty(); }
  // Have lower layers changed since they were built?
  bool lowers_changed() const;
  // How the subject's own process ended, "" if it has not.
  std::string died(Side side);

 private:
  struct Half {
    Adapter* adapter = nullptr;
    LayerDirs dirs;
    std::unique_ptr<Mount> mount;
    std::unique_ptr<Vfs> other_user;  // goes before the mount
    Fd upper;
  };
  Half& at(Side side) { return halves_[static_cast<size_t>(side)]; }
  const Half& at(Side side) const { return halves_[static_cast<size_t>(side)]; }

  void prepare(Side side, const std::vector<Tree>& lowers, const Tree& upper);
  void build(const Dialect* dialect, const std::string& name, const Tree& tree);
  void bring_up(Half& half);
  uint64_t lower_fingerprint() const;

  Fd directory_;
  std::string path_;
  Options options_;
  std::array<Half, 2> halves_;
  std::vector<std::string> lowers_;  // all directories of lower layers
  uint64_t lowers_before_ = 0;
};

}  // namespace ovlcheck::generate
