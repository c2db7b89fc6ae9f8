// Names of the bits of an inotify event.
#pragma once

#include <cstdint>
#include <string>

namespace ovlcheck {

// IN_CREATE | IN_ISDIR -> "IN_CREATE|IN_ISDIR", as in cases.
std::string inotify_names(uint32_t mask);

}  // namespace ovlcheck
