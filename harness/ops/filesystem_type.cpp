#include "harness/ops/filesystem_type.h"

#include <fmt/format.h>

namespace ovlcheck {

std::string filesystem_type(long magic) {
  switch (static_cast<unsigned long>(magic)) {
    case 0x01021994:
      return "tmpfs";
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683E:
      return "btrfs";
    case 0x794c7630:
      return "overlay";
    case 0x858458f6:
      return "ramfs";
    case 0x65735546:
      return "fuse";
    default:
      return fmt::format("{:#x}", static_cast<unsigned long>(magic));
  }
}

}  // namespace ovlcheck
