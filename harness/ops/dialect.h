// Dialect: how one union filesystem writes whiteouts and other marks on disk.
#pragma once

#include <memory>
#include <string>

#include "harness/case/tree.h"

namespace ovlcheck {

// Translates whole layers, so that a format may keep its marks anywhere. Pure.
class Dialect {
 public:
  virtual ~Dialect() = default;
  // Meaning -> what to build on disk. Throws BadCase for a mark the format cannot express.
  virtual Tree encode(const Tree& meaning) const = 0;
  // What was found on disk -> meaning.
  virtual Tree decode(const Tree& raw) const = 0;
};

// Linux overlayfs: char 0/0 or xattr whiteouts, opaque, redirect, metacopy, origin, impure as xattrs below
// `prefix` ("trusted.overlay." or "user.overlay.").
std::unique_ptr<Dialect> overlayfs_dialect(const std::string& prefix);

// No marks at all: encode throws BadCase for any, decode changes nothing.
std::unique_ptr<Dialect> plain_dialect();

// What the merged view of these layers (in terms of meaning; `upper` may be null; lowers[0] topmost) looks
// like: what overlayfs should show.
Tree flatten(const Tree* upper, const std::vector<Tree>& lowers);

}  // namespace ovlcheck
