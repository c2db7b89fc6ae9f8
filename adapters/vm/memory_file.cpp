#include "adapters/vm/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
    const ssize_t n = write(fd_.get(), content.data(), content.size());
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
  std::string content(size(), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n =
        pread(fd_.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno != EINTR) fail("read");
    if (n == 0) break;
    if (n > 0) done += static_cast<size_t>(n);
  }
  content.resize(done);
  return content;
}

std::string MemoryFile::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get());
}

}  // namespace ovlcheck
