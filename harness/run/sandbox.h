// Sandbox: the namespaces, file tree and scratch space that one worker lives in.
#pragma once

#include <string>
#include <vector>

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
  // Lower layers are file systems of their own, of this kind; "" = directories. "erofs" and "squashfs", which
  // are images, need real root; "tmpfs" does not.
  std::string lower_fs;
  std::vector<std::string> shown = {};  // folders of the host to be seen besides the system's
  bool disposable =
      false;           // the machine is a virtual one that dies with its worker: /proc needs no protection
  bool large = false;  // a scratch tmpfs of half the memory instead of 512 MiB, for measurements
};

// Adds to `request` the folders where the programs of that subject are. Throws BadCase.
void show_programs(SandboxRequest& request, const SubjectName& subject);

// Puts the calling, single-threaded process into new user (unless root), mount, pid, ipc, net and uts
// namespaces, whose root shows programs of the host read-only and a private scratch directory. As root of the
// machine its ids are others than root's outside, so that it owns nothing there. Forks: returns only in the
// worker; outside waits a process that removes the scratch directory in the end and exits with the worker's
// status, and process 1 of the namespace takes everything in it along when either of them ends. Throws
// std::runtime_error with a remedy if `request` cannot be met.
//
// With Privilege::none nothing is unshared; the scratch directory is a new one in `scratch` or TMPDIR.
class Sandbox {
 public:
  explicit Sandbox(SandboxRequest request);
  Sandbox(const Sandbox&) = delete;

  const Environment& environment() const { return environment_; }
  // Absolute path of the scratch directory and a descriptor of it.
  const std::string& path() const { return path_; }
  int directory() const { return directory_; }
  // Does nobody else use the file system that the scratch directory lies on?
  bool owns_filesystem() const { return owns_filesystem_; }
  // Throws everything in the scratch directory away. Nothing may be mounted or open below it.
  void renew();

 private:
  bool enter_namespaces(const SandboxRequest& request);
  void settle_inside();
  void limit_processes() const;
  void stay_outside();
  void make_directory(const std::string& base);
  void discard_directory() const;
  void mount_scratch();
  void open_scratch();

  Environment environment_;
  std::string path_;
  int directory_ = -1;
  bool owns_filesystem_ = false;
  bool large_ = false;
  bool disposable_ = false;
  bool entered_ = false;  // another process looks after what must be removed
  // Of a scratch directory of our own (not a tmpfs): where it lies. The descriptors outlive the change of
  // root; as long as one process has `lock_`, nobody takes it for abandoned.
  bool own_directory_ = false;
  Fd parent_, lock_;
  std::string name_;
};

}  // namespace ovlcheck
