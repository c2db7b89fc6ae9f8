#include "harness/bench/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

namespace ovlcheck {
namespace {

constexpr size_t kBlock = 1 << 20;

}  // namespace

void check(long returned, const std::string& what) {
  if (returned < 0) throw std::system_error(errno, std::generic_category(), what);
}

Fd open_at(int dir, const std::string& path, int flags, unsigned mode) {
  Fd fd(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode));
  check(fd.get(), path);
  return fd;
}

Fd open_directory_at(int dir, const std::string& path) {
  return open_at(dir, path, O_RDONLY | O_DIRECTORY);
}

void make_dir(int dir, const std::string& path) {
  if (::mkdirat(dir, path.c_str(), 0755) != 0 && errno != EEXIST) check(-1, path);
}

void write_bytes(int fd, size_t size) {
  static const std::vector<char> block = [] {
    std::vector<char> data(kBlock);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + i / 4096);
    return data;
  }();
  for (size_t left = size; left > 0;) {
    const ssize_t put = ::write(fd, block.data(), std::min(left, block.size()));
    check(put, "write");
    left -= static_cast<size_t>(put);
  }
}

void make_file(int dir, const std::string& path, size_t size) {
  write_bytes(open_at(dir, path, O_WRONLY | O_CREAT | O_TRUNC).get(), size);
}

void read_all(int fd) {
  static std::vector<char> buffer(kBlock);
  for (ssize_t got = 1; got > 0;) {
    got = ::read(fd, buffer.data(), buffer.size());
    check(got, "read");
  }
}

}  // namespace ovlcheck
