// LowerFileSystems: the lower layers of one case as file systems of their own.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

// The kinds that there are, images last.
std::vector<std::string> lower_file_systems();

// Is it one that is made of a whole tree, cannot be changed, and that only real root can mount? Else it is
// one to build a tree in.
bool is_image(const std::string& fs);

// Unmounts them when it ends.
class LowerFileSystems {
 public:
  // `fs`: "tmpfs", "erofs" or "squashfs"; with "" nothing may be mounted.
  explicit LowerFileSystems(std::string fs);
  ~LowerFileSystems();
  LowerFileSystems(const LowerFileSystems&) = delete;

  // Mounts an empty one over the directory at the absolute path `path`; fs must not be an image. Throws
  // std::runtime_error.
  void mount_empty(const std::string& path);

  // Mounts an image of what is in directory `name` (of `dir`, with the absolute path `path`) over it. Returns
  // what the file system has lost of it ("mtime of d/f"), "" = nothing; fs must be an image. Throws
  // std::runtime_error.
  std::string replace(int dir, const std::string& name, const std::string& path);

 private:
  std::string fs_;
  std::vector<std::string> mounted_;  // absolute paths
};

}  // namespace ovlcheck
