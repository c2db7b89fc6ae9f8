#include "adapters/userspace/userlay/copy_data.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace userlay {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kChunk = 64 * 1024 * 1024;

enum class Method { kCopyRange, kSendfile, kReadWrite };

bool unsupported(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == EBADF;
}

class Copier {
 public:
  Copier(int source, int target) : source_(source), target_(target) {}

  // Copies [from, end). Stops early at the end of a source that shrank.
  Result<void> range(off_t from, off_t end) {
    while (from < end) {
      auto got = step(from, static_cast<std::size_t>(end - from));
      if (!got) return tl::unexpected(got.error());
      if (*got == 0) return {};
      from += static_cast<off_t>(*got);
    }
    return {};
  }

 private:
  Result<std::size_t> step(off_t at, std::size_t length) {
    if (method_ == Method::kCopyRange) {
      off_t in = at, out = at;
      const ssize_t got = ::copy_file_range(source_, &in, target_, &out, std::min(length, kChunk), 0);
      if (got > 0) return static_cast<std::size_t>(got);
      if (got < 0 && !unsupported(errno)) return tl::unexpected(errno);
      method_ = Method::kSendfile;
    }
    if (method_ == Method::kSendfile) {
      off_t in = at;
      if (::lseek(target_, at, SEEK_SET) < 0) return tl::unexpected(errno);
      const ssize_t got = ::sendfile(target_, source_, &in, std::min(length, kChunk));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (!unsupported(errno)) return tl::unexpected(errno);
      method_ = Method::kReadWrite;
    }
    return read_write(at, std::min(length, kBuffer));
  }

  Result<std::size_t> read_write(off_t at, std::size_t length) {
    if (!buffer_) buffer_ = std::make_unique<char[]>(kBuffer);
    const ssize_t got = ::pread(source_, buffer_.get(), length, at);
    if (got < 0) return tl::unexpected(errno);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put =
          ::pwrite(target_, buffer_.get() + done, static_cast<std::size_t>(got - done), at + done);
      if (put < 0) return tl::unexpected(errno);
      done += put;
    }
    return static_cast<std::size_t>(got);
  }

  const int source_;
  const int target_;
  Method method_ = Method::kCopyRange;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace

Result<CopiedData> copy_data(int source, int target, off_t length) {
  if (length == 0) return CopiedData{};
  if (::ioctl(target, FICLONE, source) == 0) return CopiedData{true};
  Copier copier(source, target);
  for (off_t at = 0; at < length;) {
    off_t data = ::lseek(source, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    off_t hole = data < 0 ? length : ::lseek(source, data, SEEK_HOLE);
    if (data < 0) data = at;
    if (hole < 0) hole = length;
    hole = std::min(hole, length);
    if (data >= length) break;
    if (auto r = copier.range(data, hole); !r) return tl::unexpected(r.error());
    at = hole;
  }
  return CopiedData{};
}

}  // namespace userlay
