#include "adapters/vm/cpio.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <utility>

namespace ovlcheck {
namespace {

// Header with name, and content, are padded to four bytes (Documentation/driver-api/early-userspace/
// buffer-format.rst).
void pad(std::string& archive) {
  archive.resize((archive.size() + 3) / 4 * 4);
}

}  // namespace

void CpioWriter::add_directory(std::string_view name, unsigned mode) {
  add(name, S_IFDIR | mode, "", 0, 0);
}

void CpioWriter::add_file(std::string_view name, std::string_view content, unsigned mode) {
  add(name, S_IFREG | mode, content, 0, 0);
}

void CpioWriter::add_character_device(std::string_view name, unsigned major, unsigned minor, unsigned mode) {
  add(name, S_IFCHR | mode, "", major, minor);
}

std::string CpioWriter::finish() {
  add("TRAILER!!!", 0, "", 0, 0);
  return std::move(archive_);
}

void CpioWriter::add(std::string_view name, unsigned mode, std::string_view content, unsigned major,
                     unsigned minor) {
  if (content.size() > std::numeric_limits<unsigned>::max())
    throw std::length_error("too large for a cpio archive: " + std::string(name));
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const std::array<unsigned, 13> fields = {inode_++,
                                           mode,
                                           0,
                                           0,
                                           S_ISDIR(mode) ? 2u : 1u,
                                           0,
                                           static_cast<unsigned>(content.size()),
                                           0,
                                           0,
                                           major,
                                           minor,
                                           static_cast<unsigned>(name.size() + 1),
                                           0};
  archive_ += "070701";
  for (unsigned field : fields) {
    char text[9];
    (void)std::snprintf(text, sizeof text, "%08X", field);
    archive_ += text;
  }
  archive_ += name;
  archive_ += '\0';
  pad(archive_);
  archive_ += content;
  pad(archive_);
}

}  // namespace ovlcheck
