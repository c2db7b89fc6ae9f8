// Operations on names: directories, links, renaming, creating, looking.
#include <sys/sysmacros.h>

#include "harness/case/vocabulary.h"
#include "harness/ops/executor_context.h"

namespace ovlcheck {
namespace {

StepResult readlink_operation(const Operands& operands) {
  auto target = operands.vfs.readlink(operands.at());
  return target ? success({{"target", text_from_bytes(*target)}}) : failure(target.error());
}

StepResult mkdir_operation(const Operands& operands) {
  return done(operands.vfs.mkdir(operands.at(), operands.mode("mode", 0755)));
}

StepResult rename_operation(const Operands& operands) {
  return done(operands.vfs.rename(operands.at(0), operands.at(1),
                                  static_cast<unsigned>(operands.flags("rename", "flags", "0"))));
}

StepResult link_operation(const Operands& operands) {
  return done(operands.vfs.link(operands.at(0), operands.at(1),
                                operands.flags("at", "flags", "0") & AT_SYMLINK_FOLLOW));
}

StepResult flink_operation(const Operands& operands) {
  return done(operands.vfs.link({operands.descriptor(0), ""}, operands.at(1), false));
}

StepResult symlink_operation(const Operands& operands) {
  return done(operands.vfs.symlink(bytes_from_text(operands.value.at(0).get<std::string>()), operands.at(1)));
}

StepResult mknod_operation(const Operands& operands) {
  const std::string type = operands.text("type", "file");
  const mode_t format = type == "fifo"     ? S_IFIFO
                        : type == "socket" ? S_IFSOCK
                        : type == "char"   ? S_IFCHR
                        : type == "block"  ? S_IFBLK
                                           : S_IFREG;
  dev_t device = 0;
  if (operands.has("dev"))
    device =
        makedev(operands.step.args["dev"][0].get<unsigned>(), operands.step.args["dev"][1].get<unsigned>());
  return done(operands.vfs.mknod(operands.at(), format | operands.mode("mode", 0644), device));
}

// Moves the descriptor as `rewind` and `seek` ask for; returns where it stands.
Sys<off_t> move_to_start(const Operands& operands, int fd) {
  if (operands.has("seek"))
    return operands.vfs.lseek(fd, operands.names.position(operands.text("seek", "")), SEEK_SET);
  const bool rewind = operands.has("rewind") && operands.step.args["rewind"].get<bool>();
  return operands.vfs.lseek(fd, 0, rewind ? SEEK_SET : SEEK_CUR);
}

// No case has directories this large: a subject with an endless one is not listened to for ever.
constexpr int64_t kMostListed = 100'000;

// All entries from the descriptor's position on, or `count`.
StepResult entries_of(const Operands& operands, int fd) {
  const auto start = move_to_start(operands, fd);
  if (!start) return failure(start.error());
  int64_t position = *start;
  Json entries = Json::array(), types = Json::object(), inos = Json::object();
  auto left = static_cast<size_t>(operands.number("count", kMostListed));
  while (left > 0) {
    auto some = operands.vfs.readdir(fd, std::min<size_t>(left, 1024));
    if (!some) return failure(some.error());
    if (some->empty()) break;
    left -= some->size();
    for (const auto& entry : *some) {
      position = entry.next;
      if (entry.name == "." || entry.name == "..") continue;
      const std::string name = text_from_bytes(entry.name);
      entries.push_back(name);
      types[name] = entry.type_known ? type_name(entry.type) : "unknown";
      inos[name] = entry.ino;
    }
  }
  if (!operands.step.as.empty()) operands.names.put_position(operands.step.as, position);
  const size_t count = entries.size();
  return success({{"entries", std::move(entries)},
                  {"count", count},
                  {"types", std::move(types)},
                  {"inos", std::move(inos)},
                  {"next", position}});
}

StepResult readdir_operation(const Operands& operands) {
  if (const auto known = operands.names.find_descriptor(operands.value.get<std::string>()))
    return entries_of(operands, *known);
  struct open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY;
  const auto fd = operands.vfs.open(operands.at(), how);
  if (!fd) return failure(fd.error());
  StepResult result = entries_of(operands, *fd);
  const auto closed = operands.vfs.close(*fd);
  return result.error == 0 && !closed ? failure(closed.error()) : result;
}

StepResult access_operation(const Operands& operands) {
  return done(operands.vfs.access(operands.at(), static_cast<int>(operands.flags("access", "mode", "F_OK")),
                                  static_cast<int>(operands.flags("at", "flags", "0"))));
}

StepResult umask_operation(const Operands& operands) {
  return done(
      operands.vfs.umask(static_cast<mode_t>(std::stoul(operands.value.get<std::string>(), nullptr, 8))));
}

}  // namespace

const std::map<std::string_view, OperationFunction>& name_operations() {
  static const std::map<std::string_view, OperationFunction> all = {
      {"access", access_operation},
      {"chdir", [](const Operands& operands) { return done(operands.vfs.chdir(operands.at())); }},
      {"flink", flink_operation},
      {"link", link_operation},
      {"mkdir", mkdir_operation},
      {"mknod", mknod_operation},
      {"readdir", readdir_operation},
      {"readlink", readlink_operation},
      {"rename", rename_operation},
      {"rmdir", [](const Operands& operands) { return done(operands.vfs.rmdir(operands.at())); }},
      {"symlink", symlink_operation},
      {"umask", umask_operation},
      {"unlink", [](const Operands& operands) { return done(operands.vfs.unlink(operands.at())); }},
  };
  return all;
}

}  // namespace ovlcheck
