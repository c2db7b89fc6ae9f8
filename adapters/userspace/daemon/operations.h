// The FUSE requests of the userlay daemon, each answered by the library.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "adapters/userspace/daemon/backing_files.h"
#include "adapters/userspace/userlay/userlay.h"

namespace userlay {

// Seconds for which the kernel may keep what it was told about names and attributes: nobody else changes the
// layers, so that this is until it changes them itself.
inline constexpr double kForEver = 365.0 * 86400;

// Only ids come with a request. Root's capabilities decide what the library may keep (set-id bits); whether
// the operation is allowed at all was checked by the kernel (default_permissions).
Caller caller_with_ids(uid_t uid, gid_t gid, mode_t umask);

// What a session serves, its user data.
struct Service {
  explicit Service(Overlay& o) : overlay(o) {}

  Overlay& overlay;
  BackingFiles backing_files;
  fuse_session* session = nullptr;
};

// An open file as the kernel holds it, by address, until release().
struct OpenFile {
  std::unique_ptr<File> file;
  BackingFiles::Opened backing;
};

// Makes the file the kernel's.
OpenFile* held_open(Service& service, std::unique_ptr<File> file);
void closed(Service& service, OpenFile* open_file);

// The user data of the session must be a Service.
const fuse_lowlevel_ops& fuse_operations();

}  // namespace userlay
