#include "harness/run/worker.h"

#include <memory>

#include "harness/cli/commands.h"

namespace ovlcheck {

void add_worker(CLI::App& app, int& status) {
  auto options = std::make_shared<WorkerOptions>();
  auto privilege = std::make_shared<std::string>("auto");
  // Started by `run`, spoken to in JSON lines; not for people.
  auto* command = app.add_subcommand("worker", "Run cases for another ovlcheck process")->group("");
  command->add_option("--subject", options->subject)->required();
  command->add_option("--mount-command", options->mount_command);
  command->add_option("--privilege", *privilege);
  command->add_option("--scratch", options->sandbox.scratch);
  command->add_option("--scratch-fs", options->sandbox.scratch_fs);
  command->add_option("--lower-fs", options->sandbox.lower_fs);
  command->add_option("--show", options->sandbox.shown);
  command->add_flag("--disposable", options->sandbox.disposable);
  command->add_option("--timeout", options->step_timeout);
  command->add_flag("--staged", options->staged);
  command->add_flag("--faults", options->faults);
  command->add_option("--exchange", options->exchange);
  auto attach = std::make_shared<AttachRequest>();
  command->add_option("--attach", attach->merged);
  command->add_option("--upper", attach->upper);
  command->add_option("--lower", attach->lowers);
  command->callback([options, privilege, attach, &status] {
    if (!attach->merged.empty()) options->attach = *attach;
    options->sandbox.privilege = privilege_from_name(*privilege);
    status = run_worker(*options);
  });
}

}  // namespace ovlcheck
