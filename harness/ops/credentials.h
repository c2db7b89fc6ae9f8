// Credentials of one thread: ids, groups and capabilities, switched with raw system calls so that no other
// thread is affected.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/ops/vfs.h"

namespace ovlcheck {

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  uint64_t capabilities = 0;  // effective set, bit N = capability N
  bool operator==(const Credentials&) const = default;
};

// "CAP_FOWNER" -> 3, or -1.
int capability_number(std::string_view name);

// Of the calling thread (effective ids).
Sys<Credentials> read_credentials();

// Effective credentials for the calling thread; the saved user id stays what it was, so that a thread whose
// saved id is 0 can come back. Keeps the parent-death signal and the process dumpable, which the kernel
// resets. Fails with kNotOffered where the ids, groups or capabilities cannot be had.
Sys<void> become(const Credentials& credentials);

// For a child about to execute a program: as become(), but for good. Returns errno. Async-signal-safe.
int drop_to(const Credentials& credentials);

}  // namespace ovlcheck
