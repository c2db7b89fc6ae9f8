// run_crash_guest: the part of a crash campaign that runs in the virtual machine.
//
// Lines in, lines out, as JSON; {"hello": {"kernel"}} comes first. Every request is answered by one line,
// with "problem" if it could not be done:
//   {"begin": CASE, "disk": "/dev/vda", "fs", "subject", "eager"}  builds the layers, makes them safe, mounts
//                                 -> {"tree": merged}
//   {"step": N}                   does step N of the case (0 = first) -> {"error": errno, "tree": merged}
//   {"end": true}                 unmounts everything -> {}
//   {"look": CASE, "disk", ...}   mounts what a crash left -> {"tree": merged}, or {"refused": errno,
//   "message"}
#pragma once

namespace ovlcheck {

// Until end of input. Returns the exit status.
int run_crash_guest();

}  // namespace ovlcheck
