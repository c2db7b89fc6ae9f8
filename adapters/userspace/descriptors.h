// Descriptors: open file descriptions of one overlay and the numbers its actors know them by.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "adapters/userspace/node.h"
#include "adapters/userspace/special_files.h"
#include "harness/ops/fd.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// An open file description. Exactly one of file, directory and special is there, none with O_PATH.
struct OpenFile {
  NodePtr node;
  int flags = 0;  // as given to open
  userlay::Caller opened_by;
  std::unique_ptr<userlay::File> file;
  std::unique_ptr<userlay::Directory> directory;
  std::shared_ptr<SpecialFile> special_file;
  Fd special;  // the open fifo or device itself

  std::mutex mutex;    // guards position
  off_t position = 0;  // of a directory; files keep their own

  bool path_only() const { return flags & O_PATH; }
  // Access mode 3 allows neither, only ioctl(2) and the like.
  bool readable() const { return !path_only() && (mode() == O_RDONLY || mode() == O_RDWR); }
  bool writable() const { return !path_only() && (mode() == O_WRONLY || mode() == O_RDWR); }
  int mode() const { return flags & O_ACCMODE; }
};

using OpenFilePtr = std::shared_ptr<OpenFile>;

// Numbers are given out lowest first. May be used from any thread.
class DescriptorTable {
 public:
  // `closing` is told about every descriptor that is closed.
  explicit DescriptorTable(std::function<void(const OpenFile&)> closing) : closing_(std::move(closing)) {}
  ~DescriptorTable() { close_all(); }
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;

  // EMFILE when 1024 are open.
  Sys<int> add(OpenFilePtr file);
  // EBADF for an unknown number.
  Sys<OpenFilePtr> find(int fd) const;
  // EBADF for an unknown number or one opened with O_PATH.
  Sys<OpenFilePtr> find_open(int fd) const;
  Sys<void> close(int fd);
  void close_all();
  bool empty() const;

 private:
  mutable std::mutex mutex_;
  std::map<int, OpenFilePtr> files_;
  std::function<void(const OpenFile&)> closing_;
};

}  // namespace ovlcheck
