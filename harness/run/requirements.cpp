#include "harness/run/requirements.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "adapters/fuse/daemon.h"
#include "harness/ops/fd.h"
#include "harness/run/lower_file_systems.h"

namespace ovlcheck {
namespace {

bool can_reflink(int scratch) {
  Fd from(openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)),
      to(openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return from && to && write(from.get(), "x", 1) == 1 && ioctl(to.get(), FICLONE, from.get()) == 0;
}

// What read-only file systems have not got; ACLs are a matter of the kernel's configuration in erofs, and
// squashfs has no UUID that a file handle could be kept with.
bool lacks(const std::string& fs, const std::string& feature) {
  static const std::map<std::string, std::set<std::string>> kLacking = {
      {"erofs", {"acl", "atime", "direct", "flags", "holes"}},
      {"squashfs", {"acl", "direct", "flags", "handles", "holes", "names"}}};
  const auto found = kLacking.find(fs);
  return found != kLacking.end() && found->second.contains(feature);
}

// Can a file be marked with an inode flag? On tmpfs seen to work on 6.12, not on 6.1.
bool can_set_flags(int scratch) {
  int flags = FS_NODUMP_FL;
  const Fd file(openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return file && ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

bool can_map_extents(int scratch) {
  struct fiemap map = {};
  map.fm_length = FIEMAP_MAX_OFFSET;
  const Fd file(openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return file && ioctl(file.get(), FS_IOC_FIEMAP, &map) == 0;
}

// Only a file that nobody writes to can get it, so that what is seen is whether the answer is "not now".
bool can_enable_verity(int scratch) {
  fsverity_enable_arg how = {};
  how.version = 1;
  how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  how.block_size = 4096;
  const Fd file(openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return false;
  const Fd reader(open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC));
  return reader && ioctl(reader.get(), FS_IOC_ENABLE_VERITY, &how) != 0 && errno == ETXTBSY;
}

bool changes_lower(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    const auto layer = step.args.find("offline");
    return layer != step.args.end() && *layer != "upper" && *layer != "work";
  });
}

// The interpreter of a script, e.g. "/bin/sh"; "" if it is none, or wants one from where no programs are.
std::string interpreter_of(const std::string& content) {
  for (const char* folder : {"#!/bin/", "#!/usr/bin/"})
    if (content.starts_with(folder)) return content.substr(2, content.find_first_of(" \n") - 2);
  return "";
}

// The first program that a `run` step names or that a script needs, and that is not to be found, or "".
std::string missing_program(const Json& node) {
  if (node.is_string()) {
    const std::string interpreter = interpreter_of(node.get<std::string>());
    return interpreter.empty() || access(interpreter.c_str(), X_OK) == 0 ? "" : interpreter;
  }
  if (node.is_object() && node.contains("run") && node["run"].is_array() && !node["run"].empty() &&
      node["run"][0].is_string()) {
    const auto program = node["run"][0].get<std::string>();
    if (program.find('/') == std::string::npos && find_program(program).empty()) return program;
  }
  if (node.is_structured())
    for (const auto& inner : node)
      if (auto program = missing_program(inner); !program.empty()) return program;
  return "";
}

}  // namespace

bool needs_uids(const Case& c) {
  const auto& needs = c.requires_.needs;
  return std::find(needs.begin(), needs.end(), "uids") != needs.end() ||
         std::any_of(c.actors.begin(), c.actors.end(), [](const auto& named) {
           const Actor& actor = named.second;
           return actor.uid != 0 || actor.gid != 0 || !actor.groups.empty();
         });
}

std::optional<std::string> unmet_requirement(const Case& c, const Adapter& adapter,
                                             const std::string& subject_kind, const Environment& environment,
                                             int scratch) {
  const Requirements& requires_ = c.requires_;
  if (!requires_.kernel.empty() && subject_kind == "kernel" &&
      !version_in_range(environment.kernel, requires_.kernel))
    return "needs Linux " + requires_.kernel + ", this is " + environment.kernel;
  if (requires_.privilege == "root" && environment.privilege != "root")
    return "needs real root (--privilege root)";
  if (requires_.privilege == "userns" && environment.privilege == "root")
    return "is about user namespaces (--privilege userns)";
  if (needs_uids(c) && !environment.mapped_uids) return "needs more than one user id";
  for (const auto& need : requires_.needs) {
    if (need == "mount" && subject_kind == "userlay") return "needs a real mount";
    if (need == "layers" && !adapter.has_layers()) return subject_kind + " keeps no layers";
    if (need == "reflink" && !can_reflink(scratch))
      return environment.fs + " cannot share blocks between files";
    if (need == "samefs" && !environment.lower_fs.empty()) return "needs all layers on one file system";
    if (need.starts_with("lower:") && lacks(environment.lower_fs, need.substr(6)))
      return "needs " + need.substr(6) + " in lower layers, which " + environment.lower_fs + " has not got";
    if (need == "fiemap" && !can_map_extents(scratch)) return environment.fs + " does not tell where data is";
    if (need == "verity" && !can_enable_verity(scratch))
      return environment.fs + " of Linux " + environment.kernel + " has no fs-verity";
    if (need == "flags" && !can_set_flags(scratch)) return environment.fs + " keeps no inode flags";
    if (need.starts_with("fs:") && need.substr(3) != environment.fs)
      return "needs a scratch directory on " + need.substr(3);
  }
  if (is_image(environment.lower_fs) && changes_lower(c.steps))
    return "changes a lower layer, which is a read-only image of " + environment.lower_fs;
  if (!environment.user_xattrs && c.json.dump().find("\"user.") != std::string::npos)
    return environment.fs + " of Linux " + environment.kernel + " keeps no user.* attributes";
  if (auto program = missing_program(c.json); !program.empty()) return "there is no program " + program;
  return adapter.cannot(c);
}

}  // namespace ovlcheck
