// Processes that wait for a FUSE daemon that will never answer - even one that waits for itself - cannot be
// killed.
#pragma once

#include <sys/types.h>

namespace ovlcheck {

// Is the process on its way out, but still waiting for others of its namespace?
bool is_exiting(pid_t process);

// Aborts the FUSE connections of all mounts that descendants of `process` see, and the process itself, so
// that whoever waits for their daemons goes on with an error. Mounts that the calling process sees as well
// are left alone. Does what it can.
void abort_fuse_mounts(pid_t process);

}  // namespace ovlcheck
