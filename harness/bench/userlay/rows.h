// Rows: what is measured on a mounted overlay, and the layers that it is measured on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

// What the daemon is to reach in a row.
enum class Demand {
  kNotSlower,   // than fuse-overlayfs
  kTwice,       // as fast as fuse-overlayfs: metadata that the kernel does not answer by itself
  kNearKernel,  // within 1.5 times the kernel, and not slower than fuse-overlayfs
  kShown,       // nothing: it is shown beside another row
  kAsSafe       // within 1.5 times the kernel, which waits for the disk, too; fuse-overlayfs does not
};

struct Row {
  std::string name;
  Demand demand = Demand::kTwice;
  size_t lowers = 1;      // layers, of which only the lowest has files
  bool of_mount = false;  // the time of mounting itself
  Options options = {};   // of the mount; who has no such option is not measured
  // Both get the merged directory and throw std::system_error. `before` is not timed; `run` returns how many
  // operations it did.
  std::function<void(int merged)> before = {};
  std::function<size_t(int merged)> run = {};
};

// All rows, in the order they are shown.
std::vector<Row> rows();

inline constexpr size_t kMostLowers = 128;

// Makes the layers "lower0" (topmost) to "lower127" in `dir`, reads them once and syncs. lower127 holds all
// files, the others a directory that is in all of them. Throws std::system_error.
void make_layers(int dir);

// Names of the topmost to the lowest of a stack of `count` of these layers.
std::vector<std::string> layer_names(size_t count);

}  // namespace ovlcheck
