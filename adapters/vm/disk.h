// Disks: files in memory with a file system on them, made by mkfs; for virtual machines and for loop devices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/vm/memory_file.h"

namespace ovlcheck {

// File systems that make_disk() can make here ("ext4", "xfs", "btrfs").
std::vector<std::string> disk_file_systems();

// Why nothing can be made of that kind, with the package to install; "" = it can.
std::string missing_maker(const std::string& fs);

// A disk with an empty file system. Throws std::runtime_error, with the package to install where mkfs is
// missing.
std::unique_ptr<MemoryFile> make_disk(const std::string& fs);

// Read-only file systems that make_image() knows: "erofs", "squashfs".
std::vector<std::string> image_file_systems();

// An image of what is in `directory` (a path). Throws as make_disk() does.
std::unique_ptr<MemoryFile> make_image(const std::string& fs, const std::string& directory);

}  // namespace ovlcheck
