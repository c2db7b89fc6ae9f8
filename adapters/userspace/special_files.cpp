#include "adapters/userspace/special_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ovlcheck {

Sys<std::shared_ptr<SpecialFile>> SpecialFile::make(int directory, const std::string& name, mode_t type,
                                                    dev_t device) {
  if (::mknodat(directory, name.c_str(), type | 0600, device) != 0) return failed(errno);
  return std::shared_ptr<SpecialFile>(new SpecialFile(directory, name));
}

// Nobody is left to be told if the name is gone already.
SpecialFile::~SpecialFile() {
  (void)::unlinkat(directory_, name_.c_str(), 0);
}

Sys<Fd> SpecialFile::open(int flags) const {
  const int kept = flags & (O_ACCMODE | O_NONBLOCK | O_APPEND);
  Fd fd(::openat(directory_, name_.c_str(), kept | O_CLOEXEC | O_NOCTTY));
  if (!fd) return failed(errno);
  return fd;
}

Sys<std::shared_ptr<SpecialFile>> SpecialFiles::of(const Node& node, dev_t device) {
  const std::lock_guard lock(mutex_);
  auto& known = files_[node.id];
  if (auto file = known.lock()) return file;
  auto made = SpecialFile::make(directory_.get(), ".special-" + std::to_string(node.id), node.type, device);
  if (made) known = *made;
  return made;
}

}  // namespace ovlcheck
