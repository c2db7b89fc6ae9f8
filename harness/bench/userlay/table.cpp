#include "harness/bench/userlay/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/ops/figures.h"

namespace ovlcheck {
namespace {

// Of medians of two subjects; nothing where one was not measured.
std::optional<double> ratio(const Measured& row, const char* over, const char* under) {
  const auto above = row.seconds.find(over), below = row.seconds.find(under);
  if (above == row.seconds.end() || below == row.seconds.end()) return std::nullopt;
  return median(above->second) / median(below->second);
}

constexpr const char* kComparedTo[] = {kKernel, kRival, kBounce};
// What two runs of the same thing differ by.
constexpr double kEqual = 1.05;

}  // namespace

std::string table(const std::vector<Measured>& rows, const std::vector<std::string>& subjects) {
  std::string text = fmt::format("| {:33} |", "");
  std::string line = "|" + std::string(35, '-') + "|";
  for (const std::string& subject : subjects) {
    text += fmt::format(" {:>14} |", subject);
    line += std::string(15, '-') + ":|";
  }
  for (const char* other : kComparedTo) {
    text += fmt::format(" {:>17} |", fmt::format("to {}", other));
    line += std::string(18, '-') + ":|";
  }
  text += "\n" + line + "\n";
  for (const Measured& row : rows) {
    text += fmt::format("| {:33} |", row.row);
    for (const std::string& subject : subjects) {
      const auto found = row.seconds.find(subject);
      text += fmt::format(" {:>14} |", found == row.seconds.end() ? "-" : duration(median(found->second)));
    }
    for (const char* other : kComparedTo) {
      const auto factor = ratio(row, kUserlay, other);
      text += fmt::format(" {:>17} |", factor ? fmt::format("{:.2f}", *factor) : "-");
    }
    text += "\n";
  }
  return text;
}

std::vector<std::string> misses(const std::vector<Measured>& rows) {
  std::vector<std::string> lines;
  for (const Measured& row : rows) {
    const auto to_kernel = ratio(row, kUserlay, kKernel), to_rival = ratio(row, kUserlay, kRival);
    const double allowed = row.demand == Demand::kTwice ? kEqual / 2 : kEqual;
    if (to_rival && *to_rival > allowed)
      lines.push_back(fmt::format("{}: {:.2f} times {}'s time, {:.2f} allowed", row.row, *to_rival, kRival,
                                  row.demand == Demand::kTwice ? 0.5 : 1.0));
    if (row.demand == Demand::kNearKernel && to_kernel && *to_kernel > 1.5)
      lines.push_back(fmt::format("{}: {:.2f} times the kernel's time, 1.50 allowed", row.row, *to_kernel));
  }
  return lines;
}

}  // namespace ovlcheck
