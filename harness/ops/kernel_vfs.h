// KernelVfs: a Vfs over the running kernel, confined to one directory by chroot(2).
#pragma once

#include <memory>

#include "harness/ops/vfs.h"

namespace ovlcheck {

// `root` is a directory descriptor (any kind but O_PATH is not needed; it is duplicated): the root of all
// paths. Needs CAP_SYS_CHROOT, and CAP_SETUID, CAP_SETGID, CAP_SETPCAP for other actors. Descriptors given
// out are real ones with O_CLOEXEC, closed with the last view. Threads: each thread that calls operations
// must have called enter_thread() once, unless it is the only one.
Sys<std::unique_ptr<Vfs>> open_kernel_vfs(int root);

}  // namespace ovlcheck
