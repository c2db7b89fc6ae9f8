// Commands: each adds its subcommand to the program; the callback sets the exit status.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "harness/case/case.h"
#include "harness/report/join.h"
#include "harness/report/terminal.h"

namespace ovlcheck {

// Exit statuses.
constexpr int kAsExpected = 0, kDeviations = 1, kBadInput = 2, kBroken = 3;

void add_run(CLI::App& app, int& status);
void add_list(CLI::App& app, int& status);
void add_show(CLI::App& app, int& status);
void add_lint(CLI::App& app, int& status);
void add_accept(CLI::App& app, int& status);
void add_compare(CLI::App& app, int& status);
void add_merge(CLI::App& app, int& status);
void add_report(CLI::App& app, int& status);
void add_stage(CLI::App& app, int& status);
void add_repro(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_init(CLI::App& app, int& status);
void add_worker(CLI::App& app, int& status);
void add_vm(CLI::App& app, int& status);
void add_crash(CLI::App& app, int& status);
void add_timeline(CLI::App& app, int& status);
void add_generate(CLI::App& app, int& status);
void add_shrink(CLI::App& app, int& status);
void add_clauses(CLI::App& app, int& status);
void add_coverage(CLI::App& app, int& status);

// Stored runs (folders or their results.json) as one, see join_runs(); empty without any.
LabelledRun load_runs(const std::vector<std::string>& paths);

// For reports on standard output: its width, colours only on a terminal and without NO_COLOR.
TerminalStyle style_of_stdout();

// Where this program's own file is, to start it again.
std::string own_program();

// Data that comes with the program ("cases", "results/expectations"): beside an installed program, else where
// it was built from.
std::string shipped_folder(const std::string& name);

// Into the file, or to standard output if it is "". Throws std::system_error.
void write_output(const std::string& file, const std::string& text);

// Which cases a command is about; shared by run, list and show.
struct CaseSelection {
  std::vector<std::string> paths;    // files and folders; empty = the cases that come with the program
  std::vector<std::string> filters;  // shell patterns of names, e.g. "rename/*"; empty = all

  void add_options(CLI::App& command);
  // Throws BadCase, also if a filter matches nothing.
  std::vector<Case> load() const;
  // The clause index of these cases, "" if there is none.
  std::string clauses() const;
};

}  // namespace ovlcheck
