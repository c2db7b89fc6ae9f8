#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/run/floor.h"

namespace ovlcheck {

void add_bench(CLI::App& app, int& status) {
  auto runs = std::make_shared<unsigned>(5000);
  auto* bench = app.add_subcommand("bench", "Measure; figures are ratios within one run");
  bench->require_subcommand(1);
  auto* floor_command =
      bench->add_subcommand("floor", "The harness itself against a bare loop of the same system calls");
  floor_command->add_option("--runs", *runs, "Runs of the trivial case")->capture_default_str();
  floor_command->callback([runs, &status] {
    const Floor floor = measure_floor(own_program(), *runs);
    fmt::print("bare loop   {:7.1f} us per mkdir, mount, open, write, close, unlink, umount\n", floor.bare);
    fmt::print("ovlcheck    {:7.1f} us per case, judged and reported\n", floor.harness);
    fmt::print("ratio       {:7.2f}   (budget 2.00)\n", floor.ratio());
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
