#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "adapters/adapter.h"
#include "adapters/fuse/daemon.h"
#include "harness/cli/commands.h"
#include "harness/run/probe.h"

namespace ovlcheck {
namespace {

struct Tool {
  const char* program;
  const char* purpose;
  const char* package;
};
constexpr Tool kTools[] = {{"qemu-system-x86_64", "other kernels (ovlcheck vm)", "qemu-system-x86"},
                           {"mkfs.ext4", "layers on ext4", "e2fsprogs"},
                           {"mkfs.xfs", "layers on xfs", "xfsprogs"},
                           {"mkfs.btrfs", "layers on btrfs", "btrfs-progs"},
                           {"fusermount3", "FUSE mounts by ordinary users", "fuse3"}};

// Settings that keep ordinary users from having user namespaces: file, the value that does, the remedy.
struct Setting {
  const char* file;
  const char* forbidding;
  const char* remedy;
};
constexpr Setting kSettings[] = {
    {"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
     "sysctl kernel.apparmor_restrict_unprivileged_userns=0"}};

std::string first_word(const char* file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

SubjectInfo kernel_as(Privilege privilege) {
  PoolRequest request;
  request.program = own_program();
  request.sandbox.privilege = privilege;
  request.subjects.push_back({"kernel", ""});
  return probe(request).front();
}

void tell_privileges() {
  const SubjectInfo user = kernel_as(Privilege::user_namespace);
  fmt::print("{:<20} {}\n", "user namespaces", user.missing.empty() ? "ready" : "missing " + user.missing);
  for (const auto& [file, forbidding, remedy] : kSettings)
    if (!user.missing.empty() && first_word(file) == forbidding) fmt::print("{:<20} {}\n", "", remedy);
  fmt::print("{:<20} {}\n", "real root",
             geteuid() == 0 ? "ready   with --privilege root" : "missing you are not root: use sudo");
  const char* fuse = access("/dev/fuse", R_OK | W_OK) == 0 ? "ready"
                     : access("/dev/fuse", F_OK) == 0
                         ? "missing it is closed to you: chmod 0666 /dev/fuse"
                         : "missing modprobe fuse; in a container: --device /dev/fuse";
  fmt::print("{:<20} {}\n", "/dev/fuse", fuse);
}

void tell_subjects(const std::string& privilege) {
  PoolRequest request;
  request.program = own_program();
  request.sandbox.privilege = privilege_from_name(privilege);
  for (const auto& name : known_subjects()) request.subjects.push_back({name, ""});
  for (const auto& subject : probe(request))
    fmt::print("{:<20} {}\n", subject.name,
               subject.missing.empty() ? "ready   " + subject.version : "missing " + subject.missing);
}

void tell_tools() {
  for (const auto& [program, purpose, package] : kTools)
    fmt::print("{:<20} {}\n", program,
               find_program(program).empty() ? fmt::format("missing {}: apt-get install {}", purpose, package)
                                             : fmt::format("ready   {}", purpose));
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  auto privilege = std::make_shared<std::string>("auto");
  auto* command = app.add_subcommand("doctor", "Say what this machine can run, and how to enable the rest");
  command->add_option("--privilege", *privilege, "auto, userns, root or none")->capture_default_str();
  command->callback([privilege, &status] {
    (void)privilege_from_name(*privilege);
    fmt::print("Linux {}\n\nPrivileges\n", host_info().kernel);
    tell_privileges();
    fmt::print("\nSubjects\n");
    tell_subjects(*privilege);
    fmt::print("\nPrograms\n");
    tell_tools();
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
