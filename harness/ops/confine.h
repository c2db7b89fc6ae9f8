// Confinement of the programs that cases run: limits, capabilities and system calls they have no use for.
#pragma once

namespace ovlcheck {

// What a program of a case may use at most.
inline constexpr unsigned long kMostProcesses = 512;  // of its user in its namespace
inline constexpr unsigned long kMostOpenFiles = 1024;
inline constexpr unsigned long kMostFileSize = 1ul << 30;  // bytes
inline constexpr unsigned long kMostMemory = 1ul << 30;    // bytes of data per process

// In a child, before it changes its credentials: sets the limits, gives up for good the capabilities by which
// root could leave its sandbox (to mount, to trace, to load modules, ...), and refuses with EPERM the system
// calls that reach the whole machine (modules, reboot, keys, clocks, opening by handle, ...).
// Async-signal-safe. Returns an errno or 0.
int confine_program();

// In a child, after it has changed its credentials and before it executes the program: the part of the
// capabilities that a change of ids would have undone. Async-signal-safe. Returns an errno or 0.
int give_up_capabilities();

}  // namespace ovlcheck
