#include "harness/crash/talk.h"

namespace ovlcheck {

Talk::Talk(const Machine& machine, std::vector<Drive> drives) {
  VmProgram program;
  program.arguments = {"crash-guest"};
  program.drives = std::move(drives);
  channel_ = start_vm_program(
      context_, machine, std::move(program),
      [this](const std::string& line) {
        line_ = line;
        answered_ = true;
      },
      [this](const std::string& why) {
        end_ = why.empty() ? "the virtual machine fell silent" : why;
        ended_ = true;
      });
  (void)wait();  // its hello
}

Json Talk::ask(const Json& question) {
  channel_->send(question.dump());
  return wait();
}

Json Talk::wait() {
  while (!answered_ && !ended_)
    if (context_.run_one() == 0) throw MachineLost("the virtual machine is gone");
  if (!answered_) throw MachineLost(end_);
  answered_ = false;
  return Json::parse(line_);
}

}  // namespace ovlcheck
