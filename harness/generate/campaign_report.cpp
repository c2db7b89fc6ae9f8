#include "harness/generate/campaign_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/report/bench_report.h"

namespace ovlcheck::generate {
namespace {

constexpr size_t kPlaces = 9;  // along the axis of time

double per(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

// Some of all points, evenly spread over the logarithm of time.
std::vector<Milestone> some_of(const std::vector<Milestone>& all) {
  std::vector<Milestone> some;
  if (all.empty()) return some;
  const double first = std::max(all.front().seconds, 1e-3), last = std::max(all.back().seconds, first);
  for (size_t i = 0; i < kPlaces; ++i) {
    const double when = first * std::pow(last / first, static_cast<double>(i) / (kPlaces - 1));
    auto point = std::find_if(all.begin(), all.end(),
                              [&](const Milestone& each) { return each.seconds >= when * (1 - 1e-9); });
    if (point == all.end()) --point;
    if (some.empty() || some.back().seconds < point->seconds) some.push_back(*point);
  }
  return some;
}

BenchSeries share_of(const std::vector<Milestone>& points, const std::string& name,
                     uint64_t Milestone::*count) {
  const uint64_t whole = points.empty() ? 0 : points.back().*count;
  BenchSeries series{fmt::format("{} ({})", name, whole), {}};
  for (const auto& point : points)
    series.points.push_back({point.seconds, {per(point.*count, static_cast<double>(whole))}});
  return series;
}

std::string table(const std::string& left, const std::string& right,
                  const std::map<std::string, uint64_t>& rows) {
  std::string text = fmt::format("| {} | {} |\n|---|--:|\n", left, right);
  for (const auto& [name, count] : rows) text += fmt::format("| {} | {} |\n", name, count);
  return text + "\n";
}

}  // namespace

std::string campaign_markdown(const CampaignRequest& request, const CampaignResult& result) {
  const auto& counts = result.counts;
  uint64_t deviating = 0, listed = 0;
  for (const auto& [signature, count] : counts.deviations) deviating += count;
  for (const auto& [reason, count] : counts.known) listed += count;
  std::string text = fmt::format("# {} against {}: {}\n\n", request.subject,
                                 fmt::join(request.references, ", "), request.work);
  text +=
      fmt::format("{} of {} chunks are done: {} sequences, {} operations compared, {} objects looked at.\n\n",
                  result.done.size(), request.chunks, counts.sequences, counts.steps, counts.nodes);
  text +=
      "| | count | per second of processor time | per second and worker by the clock |\n|---|--:|--:|--:|\n";
  for (const auto& [name, count] :
       {std::pair("checked operations", counts.steps), {"unique states", counts.states}})
    text += fmt::format("| {} | {} | {:.0f} | {:.0f} |\n", name, count, per(count, counts.processor_seconds),
                        per(count, counts.seconds));
  text += fmt::format(
      "\nMet were {} pairs of operation and errno and {} triples of operation, state and errno.\n\n"
      "![Coverage over time](coverage.svg)\n\n",
      counts.outcomes.size(), result.cells.size());
  text += fmt::format("{} sequences deviate, {} of them as listed; {} findings.\n\n", deviating, listed,
                      result.findings.size());
  if (!result.findings.empty()) {
    text += "| finding | steps | trouble |\n|---|--:|---|\n";
    for (const auto& [signature, finding] : result.findings)
      text += fmt::format("| {} | {} | {} |\n", signature,
                          finding["case"].is_object() ? finding["case"]["steps"].size() : 0,
                          finding.value("trouble", ""));
    text += "\n";
  }
  if (!counts.known.empty()) text += table("listed reason", "sequences", counts.known);
  if (!counts.deviations.empty()) text += table("deviation", "sequences", counts.deviations);
  text += table("outcome of the reference", "operations", counts.outcomes);
  return text;
}

std::string campaign_svg(const CampaignResult& result) {
  BenchChart chart;
  chart.claim = "Coverage over time, as shares of what was met in the end";
  chart.axis = "seconds since the start";
  chart.share = true;
  const auto points = some_of(result.milestones);
  chart.series = {share_of(points, "operation, errno", &Milestone::outcomes),
                  share_of(points, "and state", &Milestone::cells),
                  share_of(points, "states", &Milestone::states)};
  return bench_svg(chart);
}

}  // namespace ovlcheck::generate
