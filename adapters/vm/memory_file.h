// MemoryFile: a file without a name that other processes of this user can open; gone with its last user.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "harness/ops/fd.h"

namespace ovlcheck {

// Throws std::system_error.
class MemoryFile {
 public:
  explicit MemoryFile(const char* purpose);

  void append(std::string_view content);
  void resize(size_t size);  // what is added reads as zeros and takes no memory
  size_t size() const;
  std::string read() const;
  // What is there of `size` bytes from `offset` on.
  std::string read(size_t offset, size_t size) const;
  void write(size_t offset, std::string_view content);
  // Holes stay holes.
  std::unique_ptr<MemoryFile> copy(const char* purpose) const;
  int fd() const { return fd_.get(); }
  // Good while this object and process live.
  std::string path() const;

 private:
  Fd fd_;
};

}  // namespace ovlcheck
