#include "harness/results/flakes.h"

namespace ovlcheck {
namespace {

// What tells one outcome of a case from another.
std::string in_words(const Outcome& outcome) {
  std::string words = verdict_name(outcome.verdict);
  if (!outcome.reason.empty()) words += ": " + outcome.reason;
  for (const auto& deviation : outcome.deviations)
    words += " at " + deviation.where + ": " + deviation.observed;
  return words;
}

}  // namespace

std::vector<Flake> flakes(const std::vector<Outcome>& outcomes) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, size_t>> all;
  for (const auto& outcome : outcomes) ++all[{outcome.subject, outcome.case_name}][in_words(outcome)];
  std::vector<Flake> found;
  for (auto& [name, seen] : all)
    if (seen.size() > 1) found.push_back({name.first, name.second, std::move(seen)});
  return found;
}

std::string describe(const Flake& flake) {
  std::string line = flake.subject + " " + flake.case_name + ":";
  for (const auto& [words, count] : flake.outcomes) line += " " + std::to_string(count) + " " + words + ",";
  line.pop_back();
  return line;
}

}  // namespace ovlcheck
