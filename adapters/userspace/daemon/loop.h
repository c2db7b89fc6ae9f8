// Serves the requests of a mounted session, in one thread as long as that keeps up and in more when it does
// not.
#pragma once

#include "adapters/userspace/daemon/operations.h"

namespace userlay {

// Returns when the file system was unmounted or a signal ended the session: 0, or a negative errno if
// requests could not be read. To be called in the thread that gets the signals.
int serve_requests(fuse_session* session);

}  // namespace userlay
