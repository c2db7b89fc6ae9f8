#include "harness/case/vocabulary.h"

#include <algorithm>

namespace ovlcheck {
namespace {

using enum Operand;

const std::vector<std::string_view> stat_results = {
    "type", "mode", "uid", "gid", "size", "nlink", "ino", "dev", "rdev", "blocks", "mtime", "atime", "ctime"};
const std::vector<std::string_view> statx_results = {"type",  "mode",  "uid",   "gid",   "size",
                                                     "nlink", "ino",   "dev",   "rdev",  "blocks",
                                                     "mtime", "atime", "ctime", "btime", "attributes"};
const std::vector<std::string_view> program_results = {"status", "stdout", "stderr"};

std::vector<Operation> table() {
  std::vector<Operation> all = {
      {"access", path, {"mode", "flags"}, {}},
      {"backing", text, {"free"}, {}, true},
      {"barrier", text, {}, {}, true},
      {"cat", path, {"flags"}, {"data", "size"}},
      {"chdir", path, {}, {}},
      {"chmod", path, {"mode"}, {}},
      {"chown", path, {"uid", "gid"}, {}},
      {"close", descriptor, {}, {}},
      {"copy_file_range", descriptors, {"size", "offsets"}, {"count"}},
      {"dedupe", descriptors, {"size"}, {"count"}},
      {"enable_verity", descriptor, {}, {}},
      {"fadvise", descriptor, {"advice"}, {}},
      {"mountinfo", path, {}, {"options"}},
      {"reconfigure", text, {}, {}},
      {"events", text, {}, {"events"}},
      {"execve", path, {"args"}, program_results},
      {"fallocate", descriptor, {"offset", "size", "mode"}, {}},
      {"fchmod", descriptor, {"mode"}, {}},
      {"fchown", descriptor, {"uid", "gid"}, {}},
      {"fcntl_lock", descriptor, {"type", "offset", "size", "ofd"}, {}},
      {"fdatasync", descriptor, {}, {}},
      {"fgetxattr", descriptor, {"name"}, {"value"}},
      {"ficlone", descriptors, {}, {}},
      {"fiemap", descriptor, {}, {"extents", "holes"}},
      {"flink", descriptor_and_path, {}, {}},
      {"flistxattr", descriptor, {}, {"names"}},
      {"flock", descriptor, {"op"}, {}},
      {"fremovexattr", descriptor, {"name"}, {}},
      {"fsetxattr", descriptor, {"name", "value", "flags"}, {}},
      {"fstat", descriptor, {}, stat_results},
      {"fsync", descriptor, {}, {}},
      {"ftruncate", descriptor, {"size"}, {}},
      {"futimens", descriptor, {"atime", "mtime"}, {}},
      {"getfacl", path, {"default"}, {"acl"}},
      {"getflags", descriptor, {}, {"flags"}},
      {"getxattr", path, {"name"}, {"value"}},
      {"inotify", path, {"mask"}, {}},
      {"inside", text, {"steps"}, {}, true},
      {"lchown", path, {"uid", "gid"}, {}},
      {"lease", descriptor, {"type"}, {}},
      {"lgetxattr", path, {"name"}, {"value"}},
      {"link", paths, {"flags"}, {}},
      {"listxattr", path, {}, {"names"}},
      {"llistxattr", path, {}, {"names"}},
      {"lremovexattr", path, {"name"}, {}},
      {"lseek", descriptor, {"offset", "whence"}, {"offset"}},
      {"lsetxattr", path, {"name", "value", "flags"}, {}},
      {"lstat", path, {}, stat_results},
      {"lutimens", path, {"atime", "mtime"}, {}},
      {"mkdir", path, {"mode"}, {}},
      {"mknod", path, {"type", "dev", "mode"}, {}},
      {"mmap", descriptor, {"size", "offset", "prot", "flags"}, {}},
      {"mount", options, {}, {}, true},
      {"mread", text, {"offset", "count"}, {"data"}},
      {"msync", text, {}, {}},
      {"munmap", text, {}, {}},
      {"mwrite", text, {"offset", "data"}, {}},
      {"name_to_handle", path, {}, {"handle"}},
      {"offline", layer, {"steps", "tree"}, {}, true},
      {"open", path, {"flags", "mode", "resolve"}, {}},
      {"open_by_handle", text, {"flags"}, {}},
      {"overlay", text, {"lower", "upper", "work", "mount"}, {}, true},
      {"parallel", tracks, {}, {}, true},
      {"put", path, {"data", "flags", "offset", "mode"}, {"count"}},
      {"read", descriptor, {"count", "offset"}, {"data", "count"}},
      {"readdir", path_or_descriptor, {"count", "rewind", "seek"}, {"entries", "count", "inos", "next"}},
      {"readlink", path, {}, {"target"}},
      {"remount", options, {"order"}, {}, true},
      {"removexattr", path, {"name"}, {}},
      {"rename", paths, {"flags"}, {}},
      {"rmdir", path, {}, {}},
      {"run", program, {}, program_results},
      {"sendfile", descriptors, {"size"}, {"count"}},
      {"setfacl", path, {"acl", "default"}, {}},
      {"setflags", descriptor, {"flags"}, {}},
      {"setxattr", path, {"name", "value", "flags"}, {}},
      {"stat", path, {}, stat_results},
      {"statfs", path, {}, {"type", "namelen", "bsize", "fsid", "readonly"}},
      {"statx", path, {"flags"}, statx_results},
      {"symlink", paths, {}, {}},
      {"syncfs", descriptor, {}, {}},
      {"tmpfile", path, {"flags", "mode"}, {}},
      {"tree", layer, {}, {}, true},
      {"truncate", path, {"size"}, {}},
      {"umask", text, {}, {}},
      {"umount", options, {}, {}, true},
      {"unlink", path, {}, {}},
      {"utimens", path, {"atime", "mtime"}, {}},
      {"volume", path, {"tree"}, {}, true},
      {"write", descriptor, {"data", "offset", "fill", "size"}, {"count"}},
  };
  std::sort(all.begin(), all.end(), [](const Operation& a, const Operation& b) { return a.name < b.name; });
  return all;
}

// Which kind of constants a member of an operation holds.
struct ConstantMember {
  std::string_view operation, member, kind;
};

constexpr ConstantMember constant_members[] = {
    {"open", "flags", "open"},       {"open", "resolve", "resolve"},     {"tmpfile", "flags", "open"},
    {"cat", "flags", "open"},        {"put", "flags", "open"},           {"open_by_handle", "flags", "open"},
    {"lseek", "whence", "whence"},   {"fallocate", "mode", "fallocate"}, {"mmap", "prot", "prot"},
    {"mmap", "flags", "map"},        {"statx", "flags", "at"},           {"rename", "flags", "rename"},
    {"link", "flags", "at"},         {"setxattr", "flags", "xattr"},     {"lsetxattr", "flags", "xattr"},
    {"fsetxattr", "flags", "xattr"}, {"setflags", "flags", "fsflag"},    {"flock", "op", "lock"},
    {"fcntl_lock", "type", "lock"},  {"lease", "type", "lock"},          {"access", "mode", "access"},
    {"fadvise", "advice", "advice"}, {"access", "flags", "at"},          {"inotify", "mask", "inotify"}};

}  // namespace

std::string_view constant_kind(std::string_view operation, std::string_view member) {
  for (const ConstantMember& known : constant_members)
    if (known.operation == operation && known.member == member) return known.kind;
  return "";
}

const std::vector<Operation>& vocabulary() {
  static const std::vector<Operation> all = table();
  return all;
}

const Operation* find_operation(std::string_view name) {
  const auto& all = vocabulary();
  const auto found = std::lower_bound(all.begin(), all.end(), name,
                                      [](const Operation& a, std::string_view b) { return a.name < b; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

}  // namespace ovlcheck
