// run_vm_guest: what /bin/ovlcheck does as the first process of a virtual machine.
#pragma once

namespace ovlcheck {

// Loads the modules of the initramfs, moves to a tmpfs as root directory, runs one worker as the host asks
// for and carries its lines, one request at a time so that what the kernel logs belongs to one case. Ends the
// machine; returns (with an exit status) only where it is not process 1.
int run_vm_guest();

}  // namespace ovlcheck
