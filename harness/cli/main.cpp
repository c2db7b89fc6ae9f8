// ovlcheck: conformance harness for overlay (union) file systems.
#include <cstdio>
#include <exception>

#include "harness/case/problem.h"
#include "harness/cli/commands.h"

int main(int argc, char** argv) {
  using namespace ovlcheck;
  CLI::App app("Conformance harness for overlay (union) file systems", "ovlcheck");
  app.set_version_flag("--version", OVLCHECK_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  int status = kAsExpected;
  add_run(app, status);
  add_list(app, status);
  add_show(app, status);
  add_stage(app, status);
  add_lint(app, status);
  add_report(app, status);
  add_repro(app, status);
  add_compare(app, status);
  add_accept(app, status);
  add_merge(app, status);
  add_bench(app, status);
  add_doctor(app, status);
  add_init(app, status);
  add_worker(app, status);
  add_generate(app, status);
  add_shrink(app, status);
  add_vm(app, status);
  add_crash(app, status);
  add_timeline(app, status);
  add_clauses(app, status);
  add_coverage(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAsExpected : kBadInput;
  } catch (const BadCase& bad) {
    for (const auto& problem : bad.problems)
      std::fprintf(stderr, "ovlcheck: %s\n", to_string(problem).c_str());
    return kBadInput;
  } catch (const std::invalid_argument& bad) {
    std::fprintf(stderr, "ovlcheck: %s\n", bad.what());
    return kBadInput;
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "ovlcheck: %s\n", broken.what());
    return kBroken;
  }
  return status;
}
