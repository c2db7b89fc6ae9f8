// O_TMPFILE for the daemon: answers the FUSE_TMPFILE requests that libfuse (before 3.17) does not know.
#pragma once

#include "adapters/userspace/daemon/operations.h"

namespace userlay {

// Makes a mounted session, whose user data is the Overlay, answer FUSE_TMPFILE. To be called between
// fuse_session_mount() and the loop. Returns 0 or a negative errno.
int answer_tmpfile_requests(fuse_session* session);

}  // namespace userlay
