#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "harness/bench/measure.h"
#include "harness/cli/commands.h"
#include "harness/report/bench_report.h"
#include "harness/run/floor.h"

namespace ovlcheck {
namespace {

struct ClaimsOptions {
  BenchRequest request;
  std::string privilege = "auto", output = "ovlcheck-bench";
};

void show_progress(const std::string& doing) {
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K{}", doing);
}

void add_floor(CLI::App& bench, int& status) {
  auto runs = std::make_shared<unsigned>(5000);
  auto* command =
      bench.add_subcommand("floor", "The harness itself against a bare loop of the same system calls");
  command->add_option("--runs", *runs, "Runs of the trivial case")->capture_default_str();
  command->callback([runs, &status] {
    const Floor floor = measure_floor(own_program(), *runs);
    fmt::print("bare loop   {:7.1f} us per mkdir, mount, open, write, close, unlink, umount\n", floor.bare);
    fmt::print("ovlcheck    {:7.1f} us per case, judged and reported\n", floor.harness);
    fmt::print("ratio       {:7.2f}   (budget 2.00)\n", floor.ratio());
    if (floor.scaling() > 0)
      fmt::print("2 jobs      {:7.1f} us per case, {:.2f} times as many a second (at least 1.80)\n",
                 floor.two_jobs, floor.scaling());
    fmt::print("\nof a case, in one process:\n");
    for (const FloorPart& part : floor.parts) fmt::print("  {:9} {:7.1f} us\n", part.name, part.microseconds);
    status = kAsExpected;
  });
}

void add_claims(CLI::App& bench, int& status) {
  auto options = std::make_shared<ClaimsOptions>();
  BenchRequest& request = options->request;
  auto* command = bench.add_subcommand(
      "claims", "What people say about overlay storage, measured on the kernel and other subjects");
  command->add_option("--subject", request.subjects, "Measure these besides the kernel; may be repeated")
      ->type_name("NAME");
  command->add_option("--claim", request.only, "Only this claim; may be repeated (default: all)")
      ->type_name("ID");
  command->add_option("--rounds", request.rounds, "Rounds; figures are medians over them")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--largest", request.largest, "Size of the largest file")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  command->add_option("--privilege", options->privilege, "auto, userns or root")->capture_default_str();
  command->add_option("--scratch", request.sandbox.scratch, "Directory to work in instead of a private tmpfs")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_option("--scratch-fs", request.sandbox.scratch_fs, "Work on a new ext4, xfs or btrfs instead")
      ->type_name("NAME");
  command
      ->add_option("--first-write-on", request.reflink_fs,
                   "Measure the first write on these file systems too, e.g. xfs,btrfs (as root)")
      ->delimiter(',')
      ->type_name("NAME,...");
  command->add_option("--output", options->output, "Folder for bench.json; `ovlcheck report` tells it again")
      ->capture_default_str()
      ->type_name("DIR");
  command->callback([options, &status] {
    BenchRequest& asked = options->request;
    for (const auto& subject : asked.subjects) check_subject(subject);
    asked.sandbox.privilege = privilege_from_name(options->privilege);
    asked.on_progress = show_progress;
    const Bench measured = measure_claims(asked);
    show_progress("");
    write_bench(options->output, measured);
    fmt::print("{}stored in {}\n", bench_text(measured), options->output);
    status = kAsExpected;
  });
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  auto* bench = app.add_subcommand("bench", "Measure; figures are ratios within one run");
  bench->require_subcommand(1);
  add_floor(*bench, status);
  add_claims(*bench, status);
}

}  // namespace ovlcheck
