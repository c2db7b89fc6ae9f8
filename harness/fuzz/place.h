// What targets that work on files have in common: a place for these and a way to read bytes as commands.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "harness/ops/fd.h"
#include "harness/ops/layers.h"

namespace ovlcheck {

// A directory in memory that is gone with the object.
class Place {
 public:
  Place() {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    Fd fd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || !remove_below(fd.get()) || rmdir(path_.c_str()) != 0) std::abort();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/ovlcheck-fuzz-XXXXXX";
};

// Takes bytes off the front; zeroes at the end.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}
  unsigned next() {
    if (left_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return byte;
  }
  std::string text(size_t size) {
    const std::string_view part = left_.substr(0, size);
    left_.remove_prefix(part.size());
    return std::string(part);
  }
  bool empty() const { return left_.empty(); }

 private:
  std::string_view left_;
};

// Equal: nothing in the directory has changed.
inline uint64_t print_of(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd ? fingerprint(fd.get(), Notice::everything) : 0;
}

}  // namespace ovlcheck
