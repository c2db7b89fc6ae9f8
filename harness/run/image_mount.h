// mount_image: mounts the file system that is in a file, by way of a loop device.
#pragma once

#include <string>

namespace ovlcheck {

enum class ImageUse { read_only, read_write };

// Mounts `image` (a descriptor; not needed afterwards), a file system of kind `fs`, over the directory at
// `target`. The loop device frees itself once nothing uses the mount any more, however that comes about.
// Throws std::runtime_error with a remedy where there are no loop devices.
void mount_image(int image, const std::string& fs, const std::string& target, ImageUse use);

}  // namespace ovlcheck
