// userlay_sweep: the whole sweep, scenario by scenario; scripts/sweep-userlay runs it.
#include <cstdio>
#include <exception>

#include "adapters/userspace/userlay/faults/sweep.h"

int main(int argc, char** argv) {
  using namespace userlay::faults;
  const std::string wanted = argc > 1 ? argv[1] : "";
  if (argc > 2 || wanted.starts_with("-")) {
    std::fputs(
        "usage: userlay_sweep [TEXT]\n"
        "Has every system call of every scenario (with TEXT in its name) fail, fall short or be the last, "
        "and\n"
        "tells whether layers are left as before or as after. Exit status: 0 all legal, 1 not, 3 cannot "
        "trace.\n",
        wanted == "--help" ? stdout : stderr);
    return wanted == "--help" ? 0 : 2;
  }
  if (!can_trace()) {
    std::fputs("userlay_sweep: cannot change system calls of a child here (ptrace on x86-64)\n", stderr);
    return 3;
  }
  try {
    Swept total;
    for (const Scenario& scenario : scenarios()) {
      if (scenario.name.find(wanted) == std::string::npos) continue;
      for (const std::string& options : options_for(scenario, Extent::kWhole)) {
        const Swept swept = sweep(scenario, options, Extent::kWhole);
        std::printf("%-60s %-40s %s\n", scenario.name.c_str(), options.c_str(), in_words(swept).c_str());
        for (const std::string& line : swept.illegal) std::printf("  %s\n", line.c_str());
        (void)std::fflush(stdout);
        total.points += swept.points;
        total.illegal.insert(total.illegal.end(), swept.illegal.begin(), swept.illegal.end());
      }
    }
    std::printf("%s\n", in_words(total).c_str());
    return total.illegal.empty() ? 0 : 1;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "userlay_sweep: %s\n", problem.what());
    return 3;
  }
}
