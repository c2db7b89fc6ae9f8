// Place: brings one subject up over layers made for a measurement, and takes everything away again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/adapter.h"
#include "harness/ops/fd.h"

namespace ovlcheck {

// What is measured: an overlay, a plain directory with the same files, or a bind mount inside a kernel
// overlay.
enum class Kind { overlay, native, volume };

struct BenchSubject {
  std::string name;
  Kind kind = Kind::overlay;
  std::shared_ptr<Adapter> adapter;  // of overlays and volumes
  Options options;
};

// One measurement. All functions get a directory and throw std::system_error.
struct Measurement {
  size_t lowers = 1;
  std::function<void(int)> lowest = {};  // fills the lowest layer
  std::function<void(int)> others = {};  // fills each of the other lowers
  std::function<void(int)> upper = {};   // fills the upper layer, once there is one
  std::function<void(int)> before = {};  // on the merged directory, not timed
  // On the merged directory; returns what is measured: seconds per operation, or a share.
  std::function<double(int)> run = {};
  bool times_mount = false;  // measure mounting instead
};

class Place {
 public:
  // An existing directory, by descriptor and absolute path; both must outlive this.
  Place(int dir, std::string path) : dir_(dir), path_(std::move(path)) {}

  // Throws std::runtime_error if the subject does not mount, std::system_error.
  double measure(const BenchSubject& subject, const Measurement& what);

 private:
  const int dir_;
  const std::string path_;
};

}  // namespace ovlcheck
