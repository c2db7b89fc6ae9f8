// KernelVfs: a Vfs over the running kernel, confined to one directory by chroot(2).
#pragma once

#include <memory>

#include "harness/ops/vfs.h"

namespace ovlcheck {

// `root` is a directory descriptor (duplicated): the root of all paths. Needs CAP_SYS_CHROOT, and CAP_SETUID,
// CAP_SETGID, CAP_SETPCAP for other actors (act_as fails with kNotOffered where they cannot be had).
// Descriptors given out are real ones with O_CLOEXEC, closed with the last view. The process ignores SIGPIPE
// and SIGIO from then on. let_go() also closes `root`: what is called later fails with EBADF.
//
// Threads: each thread that calls operations must have called enter_thread() once, unless it is the only one,
// and leave_thread() before it ends. A thread stays inside the root, with the actor's credentials, until
// go_home() or an operation of another view.
Sys<std::unique_ptr<Vfs>> open_kernel_vfs(int root);

// Brings the calling thread back to the process's own root and credentials, where it must be for absolute
// paths, mounting and starting programs. Costs nothing when it is there already.
Sys<void> go_home();

}  // namespace ovlcheck
