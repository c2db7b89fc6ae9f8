// Sandbox: the namespaces, file tree and scratch space that one worker lives in.
#pragma once

#include <string>

#include "adapters/adapter.h"
#include "harness/ops/fd.h"

namespace ovlcheck {

// What a worker shall run as. `automatic`: a user namespace where one is to be had, else real root, else
// none.
enum class Privilege { automatic, user_namespace, root, none };

// "auto", "userns", "root", "none"; throws std::invalid_argument with the choices.
Privilege privilege_from_name(const std::string& name);

std::string privilege_name(Privilege privilege);

// Is this the root of the machine, not only of a user namespace?
bool is_real_root();

struct SandboxRequest {
  Privilege privilege = Privilege::automatic;
  std::string scratch;  // existing directory to make the scratch directory in; "" = a private tmpfs
  // Work on a new file system of this kind ("ext4", "xfs", "btrfs") in a file in memory; "" or "tmpfs" = see
  // `scratch`. Needs to be run by root, whatever the privilege.
  std::string scratch_fs;
  // Lower layers become images of this kind ("erofs", "squashfs"); "" = directories. Needs real root.
  std::string lower_fs;
};

// Puts the calling, single-threaded process into new user (unless root), mount, pid, ipc, net and uts
// namespaces with a new root that shows the host read-only and a private scratch directory. Forks: returns
// only in the child, which is pid 1 of its namespace; the parent waits for it and exits with its status. The
// child dies with its parent. Throws std::runtime_error with a remedy if `request` cannot be met.
//
// With Privilege::none nothing is unshared; the scratch directory is a new one in `scratch` or TMPDIR.
class Sandbox {
 public:
  explicit Sandbox(SandboxRequest request);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;

  const Environment& environment() const { return environment_; }
  // Absolute path of the scratch directory and a descriptor of it.
  const std::string& path() const { return path_; }
  int directory() const { return directory_; }
  // Throws everything in the scratch directory away. Nothing may be mounted or open below it.
  void renew();

 private:
  void switch_root();
  void make_directory(const std::string& base);
  void open_scratch();

  Environment environment_;
  std::string path_;
  int directory_ = -1;
  // Of a scratch directory of our own (not a tmpfs): where it lies. The descriptor outlives the change of
  // root.
  bool own_directory_ = false;
  Fd parent_;
  std::string name_;
};

}  // namespace ovlcheck
