#include "harness/results/compare.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>

namespace ovlcheck {
namespace {

using Key = std::pair<std::string, std::string>;  // subject, case

std::map<Key, const Outcome*> by_key(const Run& run, const std::string& renamed_to) {
  std::map<Key, const Outcome*> all;
  for (const auto& outcome : run.outcomes)
    all[{renamed_to.empty() ? outcome.subject : renamed_to, outcome.case_name}] = &outcome;
  return all;
}

std::string verdict_of(const Outcome* outcome) {
  return outcome ? verdict_name(outcome->verdict) : "";
}

bool same_deviation(const Outcome& a, const Outcome& b) {
  return a.verdict == b.verdict && a.deviations == b.deviations &&
         (!a.deviations.empty() || a.reason == b.reason);
}

// What became of one case, or nothing that matters.
const Change* change_of(const Outcome* before, const Outcome* after) {
  static const Change all[] = {Change::regression, Change::fixed, Change::changed, Change::missing,
                               Change::added};
  const bool ran_before = before && before->verdict != Verdict::skip;
  const bool runs_now = after && after->verdict != Verdict::skip;
  if (!ran_before && !runs_now) return nullptr;
  if (!ran_before) return &all[4];
  if (!runs_now) return &all[3];
  if (!deviates(*before)) return deviates(*after) ? &all[0] : nullptr;
  if (!deviates(*after)) return &all[1];
  return same_deviation(*before, *after) ? nullptr : &all[2];
}

}  // namespace

const char* change_name(Change change) {
  switch (change) {
    case Change::regression:
      return "regression";
    case Change::fixed:
      return "fixed";
    case Change::changed:
      return "changed";
    case Change::missing:
      return "missing";
    case Change::added:
      return "added";
  }
  return "?";
}

std::vector<Difference> compare_runs(const Run& earlier, const Run& later) {
  const bool single = earlier.subjects.size() == 1 && later.subjects.size() == 1;
  const auto before = by_key(earlier, single ? later.subjects[0].name : "");
  const auto after = by_key(later, "");
  std::set<std::string> earlier_subjects, later_subjects;
  for (const auto& [key, outcome] : before) earlier_subjects.insert(key.first);
  for (const auto& [key, outcome] : after) later_subjects.insert(key.first);

  std::set<Key> keys;
  for (const auto* run : {&before, &after})
    for (const auto& [key, outcome] : *run)
      if (earlier_subjects.count(key.first) && later_subjects.count(key.first)) keys.insert(key);

  std::vector<Difference> differences;
  auto find = [](const auto& run, const Key& key) {
    const auto found = run.find(key);
    return found == run.end() ? nullptr : found->second;
  };
  for (const auto& key : keys) {
    const Outcome *then = find(before, key), *now = find(after, key);
    if (const Change* change = change_of(then, now))
      differences.push_back({*change, key.first, key.second, verdict_of(then), verdict_of(now), now});
  }
  std::stable_sort(differences.begin(), differences.end(),
                   [](const auto& a, const auto& b) { return a.change < b.change; });
  return differences;
}

bool has_regressions(const std::vector<Difference>& differences) {
  return std::any_of(differences.begin(), differences.end(), [](const Difference& difference) {
    return difference.change == Change::regression || difference.change == Change::missing;
  });
}

Run merge_runs(const std::vector<Run>& shards) {
  if (shards.empty()) throw std::invalid_argument("there are no shards to merge");
  Run merged = shards.front();
  std::set<Key> seen;
  std::map<std::string, size_t> counts;
  merged.outcomes.clear();
  for (const auto& shard : shards) {
    if (shard.suite != merged.suite)
      throw std::invalid_argument("the shards are of different suites: revision " + merged.suite.revision +
                                  " and " + shard.suite.revision);
    for (const auto& subject : shard.subjects)
      if (std::none_of(merged.subjects.begin(), merged.subjects.end(),
                       [&](const auto& known) { return known.name == subject.name; }))
        merged.subjects.push_back(subject);
    for (const auto& outcome : shard.outcomes) {
      if (!seen.emplace(outcome.subject, outcome.case_name).second)
        throw std::invalid_argument("two shards have " + outcome.case_name + " on " + outcome.subject);
      ++counts[outcome.subject];
      merged.outcomes.push_back(outcome);
    }
  }
  for (const auto& subject : merged.subjects)
    if (counts[subject.name] != merged.suite.cases)
      throw std::invalid_argument("the shards are not complete: " + subject.name + " has " +
                                  std::to_string(counts[subject.name]) + " of " +
                                  std::to_string(merged.suite.cases) + " cases");
  std::map<std::string, size_t> order;
  for (const auto& subject : merged.subjects) order.emplace(subject.name, order.size());
  std::stable_sort(merged.outcomes.begin(), merged.outcomes.end(), [&](const Outcome& a, const Outcome& b) {
    return std::tuple(order[a.subject], a.case_name) < std::tuple(order[b.subject], b.case_name);
  });
  return merged;
}

}  // namespace ovlcheck
