#include "harness/report/repro/repro.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "harness/case/problem.h"
#include "harness/cli/commands.h"

namespace ovlcheck {
namespace {

struct ReproOptions {
  CaseSelection selection;
  std::string subject = "kernel";
  std::string mount_command;
  std::string output;
};

void write_script(const std::string& file, const std::string& text) {
  write_output(file, text);
  if (chmod(file.c_str(), 0755) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write " + file);
}

std::string script_of(const ReproOptions& options) {
  const std::vector<Case> cases = options.selection.load();
  if (cases.size() != 1)
    throw BadCase(
        "", fmt::format("{} names {} cases; a script is about one: `ovlcheck list --filter '{}'`",
                        options.selection.filters.front(), cases.size(), options.selection.filters.front()));
  const std::string index = options.selection.clauses();
  SubjectName subject = parse_subject(options.subject);
  subject.command = options.mount_command;
  return repro_script(cases.front(), subject, index.empty() ? std::vector<Clause>{} : load_clauses(index));
}

}  // namespace

void add_repro(CLI::App& app, int& status) {
  auto options = std::make_shared<ReproOptions>();
  auto* command = app.add_subcommand(
      "repro", "Write one case as a shell script that runs without ovlcheck, e.g. for a bug report");
  command->add_option("case", options->selection.filters, "Its name, e.g. rename/lower-dir-is-exdev")
      ->required()
      ->expected(1)
      ->type_name("CASE");
  command
      ->add_option("--subject", options->subject, "Whom to try it on, e.g. kernel:index=on, fuse-overlayfs")
      ->capture_default_str()
      ->type_name("NAME");
  command
      ->add_option("--mount-command", options->mount_command,
                   "Any program instead: a command with {lower}, {upper}, {work} and {mount}")
      ->type_name("COMMAND");
  command
      ->add_option("--cases", options->selection.paths,
                   "Case files or folders instead of the cases that come with the program")
      ->type_name("PATH");
  command->add_option("--output", options->output, "File to write instead of standard output")
      ->type_name("FILE");
  command->callback([options, &status] {
    const std::string script = script_of(*options);
    if (options->output.empty())
      fmt::print("{}", script);
    else
      write_script(options->output, script);
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
