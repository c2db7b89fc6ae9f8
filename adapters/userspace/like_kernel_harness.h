// Runs a call on the running kernel's overlayfs and on userlay, over the same layers, and notes every
// difference (tests only).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/userspace/like_kernel_calls.h"
#include "adapters/userspace/like_kernel_layers.h"

namespace ovlcheck::like_kernel {

struct Setup {
  Layers layers;
  bool writable = true;
  std::optional<Actor> actor = std::nullopt;  // empty: the mounter
};

// Where the comparison takes place: a directory of its own, in a mount namespace of its own.
struct Place {
  int base = -1;
  Environment environment;
};

class Comparison {
 public:
  Comparison(Place place, Setup setup);
  ~Comparison();

  void all(const std::vector<Named>& calls, const std::vector<std::string>& paths);
  void all_pairs(const std::vector<NamedOfTwo>& calls, const std::vector<std::string>& from,
                 const std::vector<std::string>& to);

  // `steps` calls of one or two paths drawn at random, one after the other on the same trees.
  void any_order(const std::vector<Named>& calls, const std::vector<NamedOfTwo>& pairs,
                 const std::vector<std::string>& paths, unsigned seed, int steps);
  // Several calls that belong together.
  void stories(const std::vector<Story>& stories);

  const std::vector<std::string>& differences() const { return differences_; }

 private:
  struct Side;
  bool same_answer(const std::string& what, const std::function<std::string(Vfs&)>& call);
  void compare(const std::string& what, const std::function<std::string(Vfs&)>& call, bool changes);
  void find_tree_differences();
  void compare_trees();
  void renew();

  Place place_;
  Setup setup_;
  std::unique_ptr<Side> kernel_, userlay_;
  bool one_said_ok_ = false;
  std::vector<std::string> since_renewal_;
  std::vector<std::string> differences_;
};

// Runs `work` in a child with namespaces of its own and turns the differences it returns into a failure of
// the current test; skips it where there are no namespaces to be had.
using Work = std::function<std::vector<std::string>(const Place& place)>;
void expect_no_difference(const Work& work);

}  // namespace ovlcheck::like_kernel
