// LowerImages: the lower layers of one case as read-only file systems of their own.
#pragma once

#include <string>
#include <vector>

namespace ovlcheck {

// Unmounts them when it ends.
class LowerImages {
 public:
  // `fs`: "erofs" or "squashfs"; with "" nothing may be replaced.
  explicit LowerImages(std::string fs);
  ~LowerImages();
  LowerImages(const LowerImages&) = delete;

  // Mounts an image of what is in directory `name` (of `dir`, with the absolute path `path`) over it. Returns
  // what the file system has lost of it ("mtime of d/f"), "" = nothing. Throws std::runtime_error.
  std::string replace(int dir, const std::string& name, const std::string& path);

 private:
  std::string fs_;
  std::vector<std::string> mounted_;  // absolute paths
};

}  // namespace ovlcheck
