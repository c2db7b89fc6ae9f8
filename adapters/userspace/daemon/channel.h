// What the kernel's FUSE has and libfuse (before 3.17) does not know, added beneath it: O_TMPFILE,
// passthrough of open files, and writing without asking for capabilities each time. Malformed requests end
// here.
#pragma once

#include "adapters/userspace/daemon/operations.h"

namespace userlay {

// Puts itself between libfuse and the session's requests and answers, which go through `fd`: the mounted
// session's own, or what takes its place and is the session's from then on. The session's user data is the
// Service. To be called between fuse_session_mount() and the loop. Returns 0 or a negative errno.
int watch_channel(fuse_session* session, int fd);

// Whether another request was waiting when this thread gave its last answer.
bool others_waited();

}  // namespace userlay
