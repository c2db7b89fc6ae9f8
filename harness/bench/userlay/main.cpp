// userlay_bench: the userlay daemon beside other overlays, over the same layers, by turns.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "harness/bench/spinner.h"
#include "harness/bench/userlay/ground.h"
#include "harness/bench/userlay/table.h"

namespace ovlcheck {
namespace {

constexpr const char* kUsage = R"(Usage: userlay_bench EMPTY-DIRECTORY ROUNDS [TEXT]

Prints the medians of ROUNDS measurements of every row (only of those with TEXT in their names) on tables
whose columns are the subjects, then the rows in which userlay misses what is demanded of it, and those where
a FUSE daemon that does nothing would miss it, too. Exit status 1 if there are some of the former, 2 for bad
usage, 3 if a measurement fails.
)";

struct Subject {
  std::string name;
  std::unique_ptr<Adapter> adapter;
};

std::vector<Subject> subjects() {
  const Environment environment{.privilege = "root", .mapped_uids = true, .dev_fuse = true};
  std::vector<Subject> all;
  for (const char* name : {kKernel, kUserlay, kRival, "unionfs-fuse"})
    all.push_back({name, make_adapter({.kind = name}, environment)});
  all.push_back(
      {kBounce, make_adapter({.kind = kBounce, .command = "userlay_bounce {lower} {upper} {work} {mount}"},
                             environment)});
  return all;
}

// Progress, for who looks on.
void show(const std::string& text) {
  if (::isatty(STDERR_FILENO)) fmt::print(stderr, "{}", text);
}

Measured measure(Ground& ground, std::vector<Subject>& all, const Row& row, size_t rounds) {
  Measured measured{row.name, row.demand, {}};
  for (size_t round = 0; round < rounds; ++round) {
    for (const Subject& subject : all) {
      show(fmt::format("\r{:40} {}/{} {:20}", row.name, round + 1, rounds, subject.name));
      if (const auto seconds = ground.measure(*subject.adapter, row))
        measured.seconds[subject.name].push_back(*seconds);
    }
    // So that nobody always comes after the same neighbour.
    std::rotate(all.begin(), all.begin() + 1, all.end());
  }
  show("\r\33[K");
  return measured;
}

int run(const std::string& directory, size_t rounds, const std::string& filter) {
  Ground ground(directory);
  const Spinner spinner;
  std::vector<Subject> all = subjects();
  std::vector<std::string> names;
  for (const Subject& subject : all) names.push_back(subject.name);
  std::vector<Measured> measured;
  for (const Row& row : rows())
    if (row.name.find(filter) != std::string::npos) measured.push_back(measure(ground, all, row, rounds));
  fmt::print("{}\n", table(measured, names));
  const Missed lines = missed(measured);
  for (const std::string& line : lines.misses) fmt::print("missed: {}\n", line);
  for (const std::string& line : lines.out_of_reach) fmt::print("out of reach: {}\n", line);
  return lines.misses.empty() ? 0 : 1;
}

}  // namespace
}  // namespace ovlcheck

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4 || std::atoi(argv[2]) < 1) {
    std::fputs(ovlcheck::kUsage, stderr);
    return 2;
  }
  try {
    return ovlcheck::run(argv[1], static_cast<size_t>(std::atoi(argv[2])), argc > 3 ? argv[3] : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "userlay_bench: {}\n", error.what());
    return 3;
  }
}
