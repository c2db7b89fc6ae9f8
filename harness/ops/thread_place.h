// The calling thread's place: root, current directory, credentials and umask, changed only when they differ.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "harness/ops/credentials.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// Credentials kept for the life of the process, so that views compare them by address.
const Credentials* intern(Credentials credentials);

// Where a thread shall be. Directories are told apart by `root_id` and `cwd_id` (see new_place_id), the
// descriptors are used only to go there.
struct ThreadPlace {
  uint64_t root_id = 0;
  int root = -1;
  uint64_t cwd_id = 0;
  int cwd = -1;
  const Credentials* credentials = nullptr;
  mode_t umask = 022;
};

// Never 0 and never the same twice.
uint64_t new_place_id();

// Puts the thread there; must have been home once in this process (see remember_home).
Sys<void> settle(const ThreadPlace& place);

// Goes home if the thread has left it, else remembers the root, the credentials and the umask it has now
// as the process's own: the process may have entered namespaces since. Not while other threads run
// operations.
Sys<const Credentials*> remember_home();

// Back to the process's own root, credentials and umask.
Sys<void> settle_home();

// The thread's current directory is not what the last settle() made it.
void forget_cwd();

// The thread has a root, a current directory and a umask of its own from now on.
Sys<void> unshare_place();

}  // namespace ovlcheck
