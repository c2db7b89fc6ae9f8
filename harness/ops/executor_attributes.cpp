// Operations on what files carry besides data: metadata, times, extended attributes, ACLs, inode flags.
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"
#include "harness/ops/acl.h"
#include "harness/ops/executor_context.h"
#include "harness/ops/filesystem_type.h"
#include "harness/ops/mounted_tree.h"

namespace ovlcheck {
namespace {

const char* type_of_mode(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return type_name(NodeType::file);
    case S_IFDIR:
      return type_name(NodeType::directory);
    case S_IFLNK:
      return type_name(NodeType::symlink);
    case S_IFIFO:
      return type_name(NodeType::fifo);
    case S_IFSOCK:
      return type_name(NodeType::socket);
    case S_IFCHR:
      return type_name(NodeType::character);
    case S_IFBLK:
      return type_name(NodeType::block);
    default:
      return "unknown";
  }
}

std::string octal(mode_t mode) {
  char text[16];
  (void)snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

Json time_of(const statx_timestamp& time) {
  return Json::array({time.tv_sec, time.tv_nsec});
}

StepResult stat_result(const Sys<struct statx>& seen, bool extended) {
  if (!seen) return failure(seen.error());
  Json value = {{"type", type_of_mode(seen->stx_mode)},
                {"mode", octal(seen->stx_mode)},
                {"uid", seen->stx_uid},
                {"gid", seen->stx_gid},
                {"size", seen->stx_size},
                {"nlink", seen->stx_nlink},
                {"ino", seen->stx_ino},
                {"dev", std::to_string(seen->stx_dev_major) + ":" + std::to_string(seen->stx_dev_minor)},
                {"rdev", Json::array({seen->stx_rdev_major, seen->stx_rdev_minor})},
                {"blocks", seen->stx_blocks},
                {"mtime", time_of(seen->stx_mtime)},
                {"atime", time_of(seen->stx_atime)},
                {"ctime", time_of(seen->stx_ctime)}};
  if (extended) {
    if (seen->stx_mask & STATX_BTIME) value["btime"] = time_of(seen->stx_btime);
    value["attributes"] = constant_names("statx", seen->stx_attributes);
  }
  return success(std::move(value));
}

StepResult statx_operation(const Operands& operands) {
  const bool follow = (operands.flags("at", "flags", "0") & AT_SYMLINK_NOFOLLOW) == 0;
  return stat_result(operands.vfs.stat(operands.at(), follow, STATX_BASIC_STATS | STATX_BTIME), true);
}

template <bool follow>
StepResult stat_operation(const Operands& operands) {
  return stat_result(operands.vfs.stat(operands.at(), follow, STATX_BASIC_STATS), false);
}

StepResult fstat_operation(const Operands& operands) {
  return stat_result(operands.vfs.stat(operands.on_descriptor(), true, STATX_BASIC_STATS), false);
}

StepResult chmod_operation(const Operands& operands) {
  return done(operands.vfs.chmod(operands.at(), operands.mode("mode", 0)));
}
StepResult fchmod_operation(const Operands& operands) {
  return done(operands.vfs.chmod(operands.on_descriptor(), operands.mode("mode", 0)));
}

StepResult change_owner(const Operands& operands, const At& at, bool follow) {
  return done(operands.vfs.chown(at, follow, static_cast<uid_t>(operands.number("uid", -1)),
                                 static_cast<gid_t>(operands.number("gid", -1))));
}

timespec time_from(const Operands& operands, const char* member) {
  if (!operands.has(member)) return {0, UTIME_OMIT};
  const Json& time = operands.step.args[member];
  if (time.is_string()) return {0, time == "now" ? UTIME_NOW : UTIME_OMIT};
  if (time.is_array()) return {time[0].get<time_t>(), time[1].get<long>()};
  return {time.get<time_t>(), 0};
}

StepResult change_times(const Operands& operands, const At& at, bool follow) {
  const timespec times[2] = {time_from(operands, "atime"), time_from(operands, "mtime")};
  return done(operands.vfs.utimens(at, follow, times));
}

StepResult set_xattr(const Operands& operands, const At& at, bool follow) {
  return done(operands.vfs.setxattr(at, follow, operands.bytes("name"), operands.bytes("value"),
                                    static_cast<int>(operands.flags("xattr", "flags", "0"))));
}

StepResult get_xattr(const Operands& operands, const At& at, bool follow) {
  auto value = operands.vfs.getxattr(at, follow, operands.bytes("name"));
  return value ? success({{"value", text_from_bytes(*value)}}) : failure(value.error());
}

StepResult list_xattrs(const Operands& operands, const At& at, bool follow) {
  auto names = operands.vfs.listxattr(at, follow);
  if (!names) return failure(names.error());
  Json list = Json::array();
  for (const auto& name : *names) list.push_back(text_from_bytes(name));
  return success({{"names", std::move(list)}});
}

StepResult remove_xattr(const Operands& operands, const At& at, bool follow) {
  return done(operands.vfs.removexattr(at, follow, operands.bytes("name")));
}

const char* acl_attribute(const Operands& operands) {
  return operands.has("default") && operands.step.args["default"].get<bool>() ? kDefaultAclXattr : kAclXattr;
}

StepResult setfacl_operation(const Operands& operands) {
  if (operands.step.args.at("acl").is_null())
    return done(operands.vfs.removexattr(operands.at(), true, acl_attribute(operands)));
  const auto value = xattr_from_acl(operands.step.args["acl"].get<std::string>());
  if (!value) throw BadCase(operands.step.where + "/acl", "is not of the form \"u::rw-,g::r--,o::r--\"");
  return done(operands.vfs.setxattr(operands.at(), true, acl_attribute(operands), *value, 0));
}

StepResult getfacl_operation(const Operands& operands) {
  auto value = operands.vfs.getxattr(operands.at(), true, acl_attribute(operands));
  if (!value && value.error() == ENODATA) return success({{"acl", nullptr}});
  if (!value) return failure(value.error());
  return success({{"acl", acl_from_xattr(*value).value_or("malformed")}});
}

StepResult getflags_operation(const Operands& operands) {
  auto flags = operands.vfs.getflags(operands.descriptor());
  return flags ? success({{"flags", constant_names("fsflag", *flags)}}) : failure(flags.error());
}

StepResult setflags_operation(const Operands& operands) {
  auto flags = static_cast<unsigned>(operands.flags("fsflag", "flags", "0"));
  // Flags that are the file system's own affair (extents of ext4) stay: clearing them may be refused.
  const auto now = operands.vfs.getflags(operands.descriptor());
  if (now) flags |= *now & ~static_cast<unsigned>(FS_FL_USER_MODIFIABLE);
  return done(operands.vfs.setflags(operands.descriptor(), flags));
}

StepResult statfs_operation(const Operands& operands) {
  auto info = operands.vfs.statfs(operands.at());
  if (!info) return failure(info.error());
  return success(
      {{"type", filesystem_type(info->f_type)},
       {"namelen", info->f_namelen},
       {"bsize", info->f_bsize},
       {"fsid", std::to_string(info->f_fsid.__val[0]) + ":" + std::to_string(info->f_fsid.__val[1])},
       {"readonly", (info->f_flags & ST_RDONLY) != 0}});
}

// The three ways to say which file: a path, a path whose last link is not followed, a descriptor.
using OnFile = StepResult (*)(const Operands&, const At&, bool);
template <OnFile operation>
StepResult by_path(const Operands& operands) {
  return operation(operands, operands.at(), true);
}
template <OnFile operation>
StepResult by_link(const Operands& operands) {
  return operation(operands, operands.at(), false);
}
template <OnFile operation>
StepResult by_descriptor(const Operands& operands) {
  return operation(operands, operands.on_descriptor(), true);
}

}  // namespace

const std::map<std::string_view, OperationFunction>& attribute_operations() {
  static const std::map<std::string_view, OperationFunction> all = {
      {"chmod", chmod_operation},
      {"chown", by_path<change_owner>},
      {"fchmod", fchmod_operation},
      {"fchown", by_descriptor<change_owner>},
      {"fgetxattr", by_descriptor<get_xattr>},
      {"flistxattr", by_descriptor<list_xattrs>},
      {"fremovexattr", by_descriptor<remove_xattr>},
      {"fsetxattr", by_descriptor<set_xattr>},
      {"fstat", fstat_operation},
      {"futimens", by_descriptor<change_times>},
      {"getfacl", getfacl_operation},
      {"getflags", getflags_operation},
      {"getxattr", by_path<get_xattr>},
      {"lchown", by_link<change_owner>},
      {"lgetxattr", by_link<get_xattr>},
      {"listxattr", by_path<list_xattrs>},
      {"llistxattr", by_link<list_xattrs>},
      {"lremovexattr", by_link<remove_xattr>},
      {"lsetxattr", by_link<set_xattr>},
      {"lstat", stat_operation<false>},
      {"lutimens", by_link<change_times>},
      {"removexattr", by_path<remove_xattr>},
      {"setfacl", setfacl_operation},
      {"setflags", setflags_operation},
      {"setxattr", by_path<set_xattr>},
      {"stat", stat_operation<true>},
      {"mountinfo",
       [](const Operands& operands) {
         auto* tree = dynamic_cast<MountedTree*>(&operands.vfs);
         if (!tree) return failure(kNotOffered);
         const auto options = tree->mount_options(operands.at());
         return options ? success({{"options", *options}}) : failure(options.error());
       }},
      {"reconfigure",
       [](const Operands& operands) {
         auto* tree = dynamic_cast<MountedTree*>(&operands.vfs);
         if (!tree) return failure(kNotOffered);
         return done(tree->reconfigure(operands.value == "ro"));
       }},
      {"statfs", statfs_operation},
      {"statx", statx_operation},
      {"utimens", by_path<change_times>},
  };
  return all;
}

}  // namespace ovlcheck
