#include "harness/run/lower_file_systems.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "adapters/vm/disk.h"
#include "harness/ops/fd.h"
#include "harness/ops/layers.h"
#include "harness/run/image_mount.h"

namespace ovlcheck {
namespace {

// The first thing that is not the same, where overlayfs could tell.
std::string first_loss(const Tree& before, const Tree& after, const std::string& path) {
  const std::string of = " of " + (path.empty() ? "the layer's root" : path);
  if (before.type != after.type || before.target != after.target || before.major != after.major ||
      before.minor != after.minor)
    return "the type" + of;
  if (!before.content.same_bytes(after.content)) return "the content" + of;
  if (before.mode != after.mode) return "the mode" + of;
  if (before.uid != after.uid || before.gid != after.gid) return "the owner" + of;
  if (before.mtime != after.mtime) return "the mtime" + of;
  if (before.acl != after.acl || before.default_acl != after.default_acl) return "the ACL" + of;
  if (before.xattrs != after.xattrs) return "the attributes" + of;
  for (const auto& [name, child] : before.children) {
    const auto found = after.children.find(name);
    const std::string here = path.empty() ? name : path + "/" + name;
    if (found == after.children.end()) return here;
    if (auto loss = first_loss(child, found->second, here); !loss.empty()) return loss;
  }
  return "";
}

Tree look_at(int dir, const std::string& name) {
  const Fd directory(openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) throw std::runtime_error("open " + name + ": " + std::strerror(errno));
  return snapshot(directory.get());
}

}  // namespace

std::vector<std::string> lower_file_systems() {
  std::vector<std::string> all = image_file_systems();
  all.insert(all.begin(), "tmpfs");
  return all;
}

bool is_image(const std::string& fs) {
  return !fs.empty() && fs != "tmpfs";
}

LowerFileSystems::LowerFileSystems(std::string fs) : fs_(std::move(fs)) {}

LowerFileSystems::~LowerFileSystems() {
  // What still uses one keeps it alive, out of sight; the loop device goes with its last user.
  for (; !mounted_.empty(); mounted_.pop_back()) (void)umount2(mounted_.back().c_str(), MNT_DETACH);
}

void LowerFileSystems::mount_empty(const std::string& path) {
  if (mount(fs_.c_str(), path.c_str(), fs_.c_str(), 0, "mode=0755") != 0)
    throw std::runtime_error("mount of a " + fs_ + ": " + std::strerror(errno));
  mounted_.push_back(path);
}

std::string LowerFileSystems::replace(int dir, const std::string& name, const std::string& path) {
  const Tree before = look_at(dir, name);
  const auto image = make_image(fs_, path);
  mount_image(image->fd(), fs_, path, ImageUse::read_only);
  mounted_.push_back(path);
  return first_loss(before, look_at(dir, name), "");
}

}  // namespace ovlcheck
