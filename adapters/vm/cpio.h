// Cpio: writes the "newc" archives that the kernel unpacks as its initramfs.
#pragma once

#include <string>
#include <string_view>

namespace ovlcheck {

// Entries are owned by root and appear in the order of the calls. Names are relative, without leading slash;
// a directory must come before what is in it.
class CpioWriter {
 public:
  void add_directory(std::string_view name, unsigned mode = 0755);
  void add_file(std::string_view name, std::string_view content, unsigned mode = 0644);
  void add_character_device(std::string_view name, unsigned major, unsigned minor, unsigned mode = 0600);
  // The whole archive with its trailer; nothing may be added afterwards.
  std::string finish();

 private:
  void add(std::string_view name, unsigned mode, std::string_view content, unsigned major, unsigned minor);

  std::string archive_;
  unsigned inode_ = 1;
};

}  // namespace ovlcheck
