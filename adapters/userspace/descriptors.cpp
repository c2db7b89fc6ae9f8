#include "adapters/userspace/descriptors.h"

#include <cerrno>
#include <utility>

namespace ovlcheck {
namespace {

// 0 to 2 stay free, as they would be in a program.
constexpr int kFirst = 3;
constexpr int kLimit = 1024;

}  // namespace

Sys<int> DescriptorTable::add(OpenFilePtr file) {
  const std::lock_guard lock(mutex_);
  int number = kFirst;
  for (const auto& [used, open] : files_) {
    if (used != number) break;
    ++number;
  }
  if (number >= kLimit) return failed(EMFILE);
  files_.emplace(number, std::move(file));
  return number;
}

Sys<OpenFilePtr> DescriptorTable::find(int fd) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(fd);
  if (found == files_.end()) return failed(EBADF);
  return found->second;
}

Sys<OpenFilePtr> DescriptorTable::find_open(int fd) const {
  auto file = find(fd);
  if (file && (*file)->path_only()) return failed(EBADF);
  return file;
}

Sys<void> DescriptorTable::close(int fd) {
  OpenFilePtr file;
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(fd);
    if (found == files_.end()) return failed(EBADF);
    file = std::move(found->second);
    files_.erase(found);
  }
  closing_(*file);
  if (file->file) return file->file->flush();
  return {};
}

void DescriptorTable::close_all() {
  std::map<int, OpenFilePtr> files;
  {
    const std::lock_guard lock(mutex_);
    files.swap(files_);
  }
  for (const auto& [number, file] : files) closing_(*file);
}

bool DescriptorTable::empty() const {
  const std::lock_guard lock(mutex_);
  return files_.empty();
}

}  // namespace ovlcheck
