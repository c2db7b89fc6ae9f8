// Namespaces: a child process in new ones, and the process that waits for it outside.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/ops/fd.h"

namespace ovlcheck {

// A line of a uid_map or gid_map.
struct IdRange {
  unsigned long inside, outside, count;
};
std::vector<IdRange> id_ranges(const char* map_file);

enum class UserNamespace { none, own_ids, other_ids };

// Which ids root of a new user namespace shall be outside: where there are ids nobody uses, those
// (`other_ids`), so that it owns nothing of the host; else the caller's own.
UserNamespace best_user_namespace();

// The user id outside that root of an `other_ids` namespace has.
uid_t foreign_root();

struct Birth {
  pid_t child = -1;  // in the parent; 0 in the child; -1: refused, with `error`
  int error = 0;
  Fd lifeline;  // in the parent to be kept, in the child at end of file once the parent is gone
};

// A child that is process 1 of new pid, ipc, net, uts and mount namespaces, in a new user namespace as its
// root unless `none`. It dies with the parent. The caller must be single-threaded.
Birth clone_into_namespaces(UserNamespace user);

// No mount of this mount namespace is seen in another one from now on. Throws std::runtime_error, with the
// remedy where "/" is the root of a chroot and no mount.
void make_mounts_private();

// For the parent: waits for the child and calls `clean` when it and all its namespace are gone; SIGTERM and
// SIGHUP end it early. Ends the process with the child's status.
[[noreturn]] void wait_outside(pid_t child, const std::function<void()>& clean);

// For process 1 of a pid namespace: waits for `worker`, reaps all others, and ends the process, and with it
// everything in the namespace, with the worker's status, or at SIGTERM. It never touches a file, so that no
// file system can keep it from ending.
[[noreturn]] void be_init(pid_t worker);

// Ends the calling worker and everything in its namespace, even where a thread of it hangs in a file system.
[[noreturn]] void end_namespace(int status);

// Kills every process in the namespace but the calling worker and process 1.
void end_strays();

// Blocks the signals that wait_outside() and be_init() wait for; a child that is to be neither must undo it.
void block_signals();
void unblock_signals();

}  // namespace ovlcheck
