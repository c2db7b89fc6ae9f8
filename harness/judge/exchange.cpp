// Judging what one subject wrote by how another one reads it.
#include "harness/judge/complete.h"
#include "harness/judge/judge.h"

namespace ovlcheck {
namespace {

std::string mounting_in_words(const View& view) {
  return view.error.empty() ? "the layers that were left are mounted" : view.error;
}

std::optional<Deviation> exchange_deviation(const Observation& seen, const std::string& other) {
  const View &exchanged = *seen.exchanged, &remounted = *seen.remounted;
  Deviation deviation{.where = "exchange", .step = "mount the layers with " + other};
  if (!exchanged.error.empty() || !remounted.error.empty()) {
    if (!exchanged.error.empty() && !remounted.error.empty()) return std::nullopt;
    deviation.expected = mounting_in_words(remounted);
    deviation.observed = mounting_in_words(exchanged);
    return deviation;
  }
  const auto live = seen.trees.find("merged");
  if (live != seen.trees.end() && compare_views(live->second, exchanged.merged).empty()) return std::nullopt;
  deviation.tree = compare_views(remounted.merged, exchanged.merged);
  if (deviation.tree.empty()) return std::nullopt;
  deviation.expected = "the same as it shows itself";
  return deviation;
}

}  // namespace

Outcome judge_exchange(const Case& c, const Observation& seen, const std::string& other) {
  Outcome outcome = outcome_of(c, seen);
  if (outcome.verdict != Verdict::pass) return outcome;
  if (!seen.exchanged || !seen.remounted) {
    outcome.verdict = Verdict::skip;
    outcome.reason = seen.not_exchanged;
    return outcome;
  }
  if (auto deviation = exchange_deviation(seen, other)) {
    outcome.verdict = Verdict::fail;
    outcome.deviations.push_back(std::move(*deviation));
  }
  return outcome;
}

}  // namespace ovlcheck
