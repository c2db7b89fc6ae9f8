// An owned file descriptor.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace userlay {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    // Only read-only or already synced descriptors end here; close reports nothing anyone could act on.
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

using FdPtr = std::shared_ptr<const Fd>;

inline FdPtr share(Fd fd) {
  return std::make_shared<const Fd>(std::move(fd));
}

}  // namespace userlay
