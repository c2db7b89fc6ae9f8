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

Missed missed(const std::vector<Measured>& rows) {
  Missed all;
  // `limit`: what of the other's time a daemon takes that does nothing.
  const auto judge = [&](const Measured& row, const char* other, double allowed, double tolerance,
                         std::optional<double> limit) {
    const auto taken = ratio(row, kUserlay, other);
    if (!taken || *taken <= allowed * tolerance) return;
    std::string line = fmt::format("{}: {:.2f} times {} time, {:.2f} allowed", row.row, *taken,
                                   other == kKernel ? "the kernel's" : std::string(other) + "'s", allowed);
    if (!limit || *limit <= allowed * tolerance) return all.misses.push_back(std::move(line));
    all.out_of_reach.push_back(line + fmt::format(", and {:.2f} for a daemon that does nothing", *limit));
  };
  for (const Measured& row : rows) {
    const bool near_kernel = row.demand == Demand::kNearKernel || row.demand == Demand::kAsSafe;
    if (row.demand != Demand::kShown && row.demand != Demand::kAsSafe)
      judge(row, kRival, row.demand == Demand::kTwice ? 0.5 : 1.0, kEqual, ratio(row, kBounce, kRival));
    if (near_kernel) judge(row, kKernel, 1.5, 1.0, std::nullopt);
  }
  return all;
}

}  // namespace ovlcheck
