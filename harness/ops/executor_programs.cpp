// Operations on locks, watches and programs.
#include "harness/case/vocabulary.h"
#include "harness/ops/executor_context.h"

namespace ovlcheck {
namespace {

StepResult flock_operation(const Operands& operands) {
  return done(
      operands.vfs.flock(operands.descriptor(), static_cast<int>(operands.flags("lock", "op", "LOCK_SH"))));
}

StepResult fcntl_lock_operation(const Operands& operands) {
  struct flock lock = {};
  lock.l_type = static_cast<short>(operands.flags("lock", "type", "F_RDLCK"));
  lock.l_whence = SEEK_SET;
  lock.l_start = operands.number("offset", 0);
  lock.l_len = operands.number("size", 0);
  return done(operands.vfs.fcntl_lock(operands.descriptor(), lock,
                                      operands.has("ofd") && operands.step.args["ofd"].get<bool>()));
}

StepResult lease_operation(const Operands& operands) {
  return done(
      operands.vfs.lease(operands.descriptor(), static_cast<int>(operands.flags("lock", "type", "F_RDLCK"))));
}

StepResult inotify_operation(const Operands& operands) {
  auto fd = operands.vfs.inotify(operands.at(),
                                 static_cast<unsigned>(operands.flags("inotify", "mask", "IN_ALL_EVENTS")));
  if (!fd && !operands.step.as.empty()) operands.names.not_opened(operands.step.as);
  if (!fd) return failure(fd.error());
  if (operands.step.as.empty()) return done(operands.vfs.close(*fd));
  operands.names.put_descriptor(operands.step.as, *fd);
  return {};
}

StepResult events_operation(const Operands& operands) {
  auto events = operands.vfs.events(operands.descriptor());
  if (!events) return failure(events.error());
  Json list = Json::array();
  for (const auto& event : *events) list.push_back(text_from_bytes(event));
  return success({{"events", std::move(list)}});
}

StepResult program_result(const Sys<ExecResult>& ended) {
  if (!ended) return failure(ended.error());
  return success({{"status", ended->status},
                  {"stdout", text_from_bytes(ended->out)},
                  {"stderr", text_from_bytes(ended->err)}});
}

std::vector<std::string> arguments(const Json& list) {
  std::vector<std::string> all;
  for (const auto& argument : list) all.push_back(bytes_from_text(argument.get<std::string>()));
  return all;
}

StepResult execve_operation(const Operands& operands) {
  const At at = operands.at();
  std::vector<std::string> argv = {at.path};
  if (operands.has("args"))
    for (std::string& argument : arguments(operands.step.args["args"])) argv.push_back(std::move(argument));
  return program_result(operands.vfs.execve(at, argv));
}

StepResult run_operation(const Operands& operands) {
  return program_result(operands.vfs.run(arguments(operands.value)));
}

}  // namespace

const std::map<std::string_view, OperationFunction>& lock_and_program_operations() {
  static const std::map<std::string_view, OperationFunction> all = {
      {"events", events_operation}, {"execve", execve_operation},   {"fcntl_lock", fcntl_lock_operation},
      {"flock", flock_operation},   {"inotify", inotify_operation}, {"lease", lease_operation},
      {"run", run_operation},
  };
  return all;
}

}  // namespace ovlcheck
