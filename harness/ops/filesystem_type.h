// filesystem_type: names of file systems by the number statfs(2) gives.
#pragma once

#include <string>

namespace ovlcheck {

// "tmpfs", "ext4", ... for an f_type (linux/magic.h); "0x..." for one that has no name here.
std::string filesystem_type(long magic);

}  // namespace ovlcheck
