#include <fmt/format.h>

#include <memory>

#include "adapters/adapter.h"
#include "harness/cli/commands.h"
#include "harness/run/probe.h"

namespace ovlcheck {

void add_doctor(CLI::App& app, int& status) {
  auto privilege = std::make_shared<std::string>("auto");
  auto* command = app.add_subcommand("doctor", "Say what this machine can run, and how to enable the rest");
  command->add_option("--privilege", *privilege, "auto, userns, root or none")->capture_default_str();
  command->callback([privilege, &status] {
    PoolRequest request;
    request.program = own_program();
    request.sandbox.privilege = privilege_from_name(*privilege);
    for (const auto& name : known_subjects()) request.subjects.push_back({name, ""});
    const auto subjects = probe(request);
    fmt::print("kernel     {}\n", host_info().kernel);
    fmt::print("privilege  {}\n\n", subjects.front().privilege.empty() ? "none" : subjects.front().privilege);
    for (const auto& subject : subjects)
      fmt::print("{:<16} {}\n", subject.name,
                 subject.missing.empty() ? "ready   " + subject.version : "missing " + subject.missing);
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
