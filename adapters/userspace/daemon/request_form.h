// The form of FUSE requests, which libfuse takes for granted.
#pragma once

#include <cstddef>

namespace userlay {

// Whether all that its operation reads is within the request: arguments, ended names that are names of a
// directory's entries, as much data as is said to follow; and whether it asks for no more at once than memory
// is there for.. What the values mean is not looked at, of operations
// that are not known here nothing is.
bool well_formed(const char* request, std::size_t size);

}  // namespace userlay
