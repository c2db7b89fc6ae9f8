// Layers on disk: building a tree below a directory, looking at it again, and noticing change.
#pragma once

#include <cstdint>
#include <string>

#include "harness/case/tree.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// Builds `tree` into the existing directory `dir` (descriptor). Expects a raw tree: no whiteout nodes, no
// marks (see dialect.h). Names never follow symbolic links. Fails with errno; `where` then names the node.
Sys<void> build_tree(int dir, const Tree& tree, std::string* where = nullptr);

// The raw tree below `dir`, all attributes set, content up to 4 KiB (longer as digest), overlay xattrs plain.
// Only reads: atime aside, nothing changes. Nodes that cannot be looked at carry `trouble`.
Tree snapshot(int dir);

// The same through a Vfs (what the default actor sees), "" = its root.
Tree snapshot(Vfs& vfs);

// What a fingerprint notices: `everything` but atime, or only what has a `meaning`: not ctime, and not the
// origin and impure marks that a mere lookup may write.
enum class Notice { everything, meaning };

// A hash over names, types, modes, owners, sizes, modification times, link counts and xattrs of everything
// below `dir` (file contents show in times and sizes). Equal hashes = nothing changed.
uint64_t fingerprint(int dir, Notice notice);

// Removes everything below `dir`; returns the first error.
Sys<void> remove_below(int dir);

}  // namespace ovlcheck
