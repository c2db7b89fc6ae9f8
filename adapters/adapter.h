// Adapter: brings one subject up over given layers and hands out a place to run steps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/ops/dialect.h"
#include "harness/ops/vfs.h"

namespace ovlcheck {

// What the worker it runs in may do.
struct Environment {
  std::string privilege;     // "root", "userns" or "none" (no namespaces: only in-process subjects)
  bool mapped_uids = false;  // more than one user id exists here
  bool dev_fuse = false;     // /dev/fuse can be opened
  bool user_xattrs = true;   // the scratch file system keeps user.* attributes
  std::string kernel;        // uname -r
  std::string fs;            // scratch file system: "tmpfs", "ext4", ...
  std::string lower_fs;      // file system of the lower layers, where that is another: "erofs", ...
};

// Why a subject with these mount options cannot be had here without being real root, that is with its marks
// kept as user.* attributes (fs/overlayfs/params.c, ovl_fs_params_verify), or nothing.
inline std::optional<std::string> without_user_marks(const Environment& environment, const Options& options) {
  if (environment.privilege == "root") return std::nullopt;
  for (const auto& [option, allowed] :
       {std::pair("redirect_dir", "nofollow"), {"metacopy", "off"}, {"verity", "off"}})
    if (const auto asked = options.find(option); asked != options.end() && asked->second != allowed)
      return std::string(option) + "=" + asked->second +
             " needs real root (--privilege root): it is refused beside userxattr";
  if (environment.user_xattrs) return std::nullopt;
  return "marks of others than real root are user.* attributes, which " + environment.fs + " of Linux " +
         environment.kernel + " does not keep (--scratch DIR: work elsewhere)";
}

// A failed mount: errno and what the subject said (stderr, kernel message).
struct MountError {
  int error = 0;
  std::string message;
};

// The directories of one case, all below `dir` (absolute `path`): "lower0".."lowerN" (0 topmost), "data0"...,
// "upper", "work", "merged".
struct LayerDirs {
  int dir = -1;                           // descriptor of the case's directory
  std::string path;                       // its absolute path in the worker
  std::vector<std::string> lowers, data;  // relative to dir, in mount order
  std::string upper, work;                // relative to dir; "" = read-only
  std::string merged = "merged";
};

// A subject that is up.
class Mount {
 public:
  virtual ~Mount() = default;  // takes it down, by force if need be
  // The mounter's view. Lives as long as the mount.
  virtual Vfs& vfs() = 0;
  // A descriptor of the merged directory, where the subject is really mounted; else -1. Valid until
  // unmount().
  virtual int directory() { return -1; }
  // Takes it down cleanly; EBUSY etc. as errno. All views must have let go.
  virtual Sys<void> unmount() = 0;
  // Says how the subject's own process ended, if it has one and it has ended; else nothing.
  // `broken`: the mount answers like one whose process is gone, which may still be about to end.
  virtual std::optional<std::string> died(bool broken = false) {
    (void)broken;
    return std::nullopt;
  }
};

class Adapter {
 public:
  virtual ~Adapter() = default;
  // Why this subject cannot run here at all ("no /dev/fuse", "fuse-overlayfs is not installed: apt-get
  // install fuse-overlayfs"), or nothing.
  virtual std::optional<std::string> missing(const Environment& environment) const = 0;
  // Why this subject cannot run this case (an option it does not have), or nothing.
  virtual std::optional<std::string> cannot(const Case& c) const = 0;
  // Version as the subject reports it, e.g. "fuse-overlayfs 1.10".
  virtual std::string version() const = 0;
  // All options with the values in force when `asked` are asked for.
  virtual Options effective(const Options& asked) const = 0;
  virtual const Dialect& dialect() const = 0;
  // Does it keep lower and upper apart? If not (`plain`), the merged tree is built into `merged` before
  // mount().
  virtual bool has_layers() const { return true; }
  virtual tl::expected<std::unique_ptr<Mount>, MountError> mount(const LayerDirs& dirs,
                                                                 const Options& options) = 0;
};

// A subject's name: KIND[:OPTION[=VALUE],...], e.g. "kernel:redirect_dir=on,index=on".
struct SubjectName {
  std::string kind;
  Options options;      // defaults for cases that do not set them
  std::string command;  // mount command template of a subject without a descriptor (adapters/fuse); "" none
};
// KIND is a known one or the path of a descriptor file that ends in ".json" (adapters/fuse/README.md).
// Throws BadCase on a malformed name.
SubjectName parse_subject(const std::string& name);

// Throws BadCase (with the known kinds) if there is no subject of that name, or what is wrong with its
// descriptor file.
void check_subject(const std::string& name);

// What reports call that subject: `name` itself, with a descriptor file's name for its path.
std::string display_name(const std::string& name);

// Throws BadCase if that is no template of a mount command.
void check_mount_command(const std::string& command);

// The command lines by which a subject is mounted and asked, and the file that describes it; none if it needs
// no program. Throws BadCase.
std::vector<std::string> commands_of(const SubjectName& name);

// The adapter of that subject for a worker in `environment`; throws BadCase (with the known kinds) for an
// unknown one.
std::unique_ptr<Adapter> make_adapter(const SubjectName& name, const Environment& environment);

// Kinds in the order they are shown: kernel, userlay, userlay-fuse, fuse-overlayfs, unionfs-fuse, mergerfs,
// aufs, plain.
std::vector<std::string> known_subjects();

}  // namespace ovlcheck
