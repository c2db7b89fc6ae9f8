#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "adapters/adapter.h"
#include "adapters/fuse/fuse_adapter.h"
#include "adapters/kernel/kernel_adapter.h"
#include "adapters/plain/plain_adapter.h"
#include "adapters/userspace/userspace_adapter.h"
#include "harness/case/problem.h"

namespace ovlcheck {

SubjectName parse_subject(const std::string& name) {
  SubjectName subject;
  const size_t colon = name.find(':');
  subject.kind = name.substr(0, colon);
  if (subject.kind.empty()) throw BadCase("", "subject \"" + name + "\" has no name before the colon");
  if (colon == std::string::npos) return subject;
  for (size_t at = colon + 1; at <= name.size();) {
    const size_t comma = std::min(name.find(',', at), name.size());
    const std::string option = name.substr(at, comma - at);
    const size_t equals = std::min(option.find('='), option.size());
    if (equals == 0)
      throw BadCase("", "subject \"" + name + "\": an option is missing; write KIND:OPTION=VALUE,OPTION");
    subject.options[option.substr(0, equals)] = equals < option.size() ? option.substr(equals + 1) : "";
    at = comma + 1;
  }
  return subject;
}

std::vector<std::string> known_subjects() {
  std::vector<std::string> all = {"kernel", "userlay"};
  for (const auto& descriptor : shipped_descriptors()) all.push_back(descriptor);
  all.push_back("plain");
  return all;
}

namespace {

bool is_descriptor_file(const std::string& kind) {
  return kind.ends_with(".json");
}

// Read once, before the process enters a sandbox, where the file is out of reach.
const Descriptor& descriptor_in(const std::string& file) {
  static std::map<std::string, Descriptor> known;
  const auto found = known.find(file);
  return found != known.end() ? found->second : known.emplace(file, load_descriptor(file)).first->second;
}

}  // namespace

std::string display_name(const std::string& name) {
  const std::string kind = parse_subject(name).kind;
  return is_descriptor_file(kind) ? descriptor_in(kind).name + name.substr(kind.size()) : name;
}

void check_mount_command(const std::string& command) {
  (void)descriptor_for_command(command);
}

void check_subject(const std::string& name) {
  const std::string kind = parse_subject(name).kind;
  if (is_descriptor_file(kind)) return (void)descriptor_in(kind);
  const auto known = known_subjects();
  if (std::find(known.begin(), known.end(), kind) != known.end()) return;
  throw BadCase("", fmt::format("unknown subject \"{}\"; known are {} (or give the file NAME.json of a "
                                "descriptor, or --mount-command)",
                                kind, fmt::join(known, ", ")));
}

std::vector<std::string> commands_of(const SubjectName& name) {
  if (!name.command.empty()) return {name.command};
  if (!is_descriptor_file(name.kind)) return {};
  const Descriptor& descriptor = descriptor_in(name.kind);
  std::vector<std::string> all = {name.kind};
  for (const auto* command :
       {&descriptor.mount, &descriptor.mount_read_only, &descriptor.unmount, &descriptor.version_command})
    all.insert(all.end(), command->begin(), command->end());
  return all;
}

std::unique_ptr<Adapter> make_adapter(const SubjectName& name, const Environment& environment) {
  if (!name.command.empty())
    return make_fuse_adapter(descriptor_for_command(name.command), environment, name.options);
  check_subject(name.kind);
  if (name.kind == "kernel") return make_kernel_adapter(environment, name.options);
  if (name.kind == "userlay") return make_userlay_adapter(environment, name.options);
  if (name.kind == "plain") return make_plain_adapter();
  if (is_descriptor_file(name.kind))
    return make_fuse_adapter(descriptor_in(name.kind), environment, name.options);
  return make_fuse_adapter(shipped_descriptor(name.kind), environment, name.options);
}

}  // namespace ovlcheck
