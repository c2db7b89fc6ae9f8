#include "adapters/vm/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace ovlcheck {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), std::string(what) + " of a file in memory");
}

}  // namespace

MemoryFile::MemoryFile(const char* purpose) : fd_(memfd_create(purpose, MFD_CLOEXEC)) {
  if (!fd_) fail("creation");
}

void MemoryFile::append(std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd_.get(), content.data(), content.size());
    if (n < 0 && errno != EINTR) fail("write");
    if (n > 0) content.remove_prefix(static_cast<size_t>(n));
  }
}

void MemoryFile::resize(size_t size) {
  if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail("resize");
}

size_t MemoryFile::size() const {
  struct stat info;
  if (fstat(fd_.get(), &info) != 0) fail("stat");
  return static_cast<size_t>(info.st_size);
}

std::string MemoryFile::read() const {
  return read(0, size());
}

std::string MemoryFile::read(size_t offset, size_t size) const {
  std::string content(size, '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n =
        pread(fd_.get(), content.data() + done, content.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno != EINTR) fail("read");
    if (n == 0) break;
    if (n > 0) done += static_cast<size_t>(n);
  }
  content.resize(done);
  return content;
}

void MemoryFile::write(size_t offset, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = pwrite(fd_.get(), content.data(), content.size(), static_cast<off_t>(offset));
    if (n < 0 && errno != EINTR) fail("write");
    if (n <= 0) continue;
    content.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<size_t>(n);
  }
}

std::unique_ptr<MemoryFile> MemoryFile::copy(const char* purpose) const {
  constexpr size_t chunk = size_t{1} << 20;
  auto other = std::make_unique<MemoryFile>(purpose);
  other->resize(size());
  off_t at = 0;
  while ((at = lseek(fd_.get(), at, SEEK_DATA)) >= 0) {
    const off_t end = lseek(fd_.get(), at, SEEK_HOLE);
    if (end < 0) fail("search");
    for (; at < end; at += static_cast<off_t>(chunk)) {
      const auto left = static_cast<size_t>(end - at);
      other->write(static_cast<size_t>(at), read(static_cast<size_t>(at), std::min(chunk, left)));
    }
    at = end;
  }
  if (errno != ENXIO) fail("search");  // ENXIO: no more data
  return other;
}

std::string MemoryFile::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get());
}

}  // namespace ovlcheck
