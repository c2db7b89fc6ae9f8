// Dialects of union filesystems other than the kernel's: their whiteouts and opaque marks on disk.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/ops/dialect.h"

namespace ovlcheck {

// All three decode to what a layer means: marks below an opaque directory, which hide nothing, are left out.

// fuse-overlayfs. Built: whiteouts as char 0/0, opaque directories by a file ".wh..wh..opq", the one form it
// reads whatever its privilege. Understood besides: ".wh.NAME" files, the opaque xattrs "trusted.overlay.",
// "user.overlay." and "user.fuseoverlayfs."; its further ".wh..opq" markers vanish.
std::unique_ptr<Dialect> fuse_overlayfs_dialect();

// aufs: ".wh.NAME" files, ".wh..wh..opq" in opaque directories; its own ".wh..wh.*" entries vanish.
std::unique_ptr<Dialect> aufs_dialect();

// unionfs-fuse: every mark is an entry "NAME_HIDDEN~" in a second tree below ".unionfs-fuse" (older versions
// ".unionfs") of the branch; beside a directory of the same name it makes that directory opaque.
std::unique_ptr<Dialect> unionfs_fuse_dialect();

// Names for descriptor files, in alphabetical order.
const std::vector<std::string>& dialect_names();

// The dialect of one of those names; `overlay_prefix` is the xattr prefix that "overlayfs" uses.
// The name must be known.
std::unique_ptr<Dialect> make_dialect(const std::string& name, const std::string& overlay_prefix);

}  // namespace ovlcheck
