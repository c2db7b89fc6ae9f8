// Backing: what a case does to the file system that its layers lie on - fills it, or makes it read-only.
#pragma once

#include <sys/types.h>

#include <string>
#include <tl/expected.hpp>

#include "harness/ops/fd.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {

// Undoes everything when it goes. Only a file system that is the sandbox's own can be changed. Errors are
// errno values.
class Backing {
 public:
  // `sandbox` must outlive it.
  explicit Backing(const Sandbox& sandbox) : sandbox_(sandbox) {}
  ~Backing() { (void)restore(); }
  Backing(const Backing&) = delete;

  // No more than `free` bytes of data can be stored any more. A tmpfs shrinks, others are filled by a file.
  tl::expected<void, int> fill(off_t free);
  // EBUSY while a file in it is open for writing.
  tl::expected<void, int> make_read_only();
  // As it was.
  tl::expected<void, int> restore();

 private:
  tl::expected<void, int> reconfigure(const char* key, const char* value) const;

  const Sandbox& sandbox_;
  std::string size_;  // of a tmpfs that was shrunk: what it had, in bytes
  Fd filler_;         // a file without a name
  bool read_only_ = false;
};

}  // namespace ovlcheck
