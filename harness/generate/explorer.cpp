#include "harness/generate/explorer.h"

#include <chrono>
#include <ctime>
#include <unordered_set>
#include <utility>

#include "harness/case/vocabulary.h"
#include "harness/generate/finding.h"
#include "harness/run/forked_process.h"

namespace ovlcheck::generate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLanes = 384;  // per mount: few enough to be quick to look at, many to share its costs
constexpr size_t kShrunkPerSignature = 2;  // sequences that look alike may differ when shrunk

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

class Explorer {
 public:
  Explorer(const CampaignRequest& request, Sandbox& sandbox, int out)
      : request_(request),
        sandbox_(sandbox),
        names_(parties_of(request)),
        subjects_(names_, sandbox.environment()),
        out_(out) {}

  // False if nothing more is to be done: there is no time left, or one finding is enough.
  bool run(size_t chunk) {
    counts_ = {};
    findings_ = Json::object();
    tell(out_, {{"at", chunk}});
    const auto source = request_.source(chunk, sandbox_.environment());
    bool finished = true;
    for (auto lanes = source->take(kLanes); !lanes.empty(); lanes = source->take(kLanes)) {
      finished = !out_of_time() && !(request_.first_only && !findings_.empty());
      if (!finished) break;
      run(lanes, source->options());
      source->give_back(lanes);
      tell(out_, {{"counts_so_far", json_from_counts(counts_)}, {"cells", std::exchange(new_cells_, {})}});
    }
    tell(out_, {{"chunk", chunk},
                {"counts", json_from_counts(counts_)},
                {"findings", findings_},
                {"partial", !finished}});
    return finished && !(request_.first_only && !findings_.empty());
  }

 private:
  bool out_of_time() const { return request_.seconds > 0 && seconds_since(start_) > request_.seconds; }

  void run(std::vector<Lane>& lanes, const Options& options) {
    const auto start = Clock::now();
    const double processor_start = processor_seconds();
    std::vector<const Scenario*> scenarios;
    for (const auto& lane : lanes) scenarios.push_back(lane.scenario);
    Tally tally;
    sandbox_.renew();
    {
      Arena arena(sandbox_, subjects_.adapters(), scenarios, options);
      run_lanes(arena, lanes, tally);
      if (arena.lowers_changed())
        note("a lower layer changed", {{"case", nullptr}, {"trouble", "some step changed a lower layer"}});
    }
    counts_.seconds += seconds_since(start);
    counts_.processor_seconds += processor_seconds() - processor_start;
    counts_.sequences += tally.lanes;
    counts_.steps += tally.steps;
    counts_.nodes += tally.nodes;
    counts_.digest += tally.digest;
    for (const uint64_t cell : tally.cells)
      if (cells_.insert(cell).second) new_cells_.push_back(cell);
    for (const auto& [key, count] : tally.outcomes)
      counts_.outcomes[std::string(forms()[key.first].name) + " " +
                       (key.second ? errno_name(key.second) : "ok")] += count;
    for (const auto& lane : lanes) {
      counts_.states += states_.insert(lane.state).second;
      if (!lane.parted.empty()) deviating(lane, options);
    }
  }

  void deviating(const Lane& lane, const Options& options) {
    const std::string who = about(lane.vote);
    ++counts_.deviations[who + lane.signature];
    if (is_known(lane, lane.signature)) return;
    if (request_.first_only && !findings_.empty()) return;
    if (shrunk_[who + lane.signature]++ >= kShrunkPerSignature) return;
    Duel duel(sandbox_, subjects_, lane.vote.odd, lane.vote.right);
    const auto finding = finding_from(*lane.scenario, lane.done, options, duel);
    if (!finding) {
      Json c = case_of(*lane.scenario, lane.done, true);
      note(who + lane.signature + " beside others only",
           {{"case", c}, {"trouble", "alone, the sequence does not deviate"}});
    } else if (!is_known(lane, finding->signature)) {
      note(who + finding->signature, {{"case", finding->test},
                                      {"trouble", finding->trouble},
                                      {"from", lane.signature},
                                      {"about", names_[lane.vote.odd]},
                                      {"right", names_[lane.vote.right]}});
    }
  }

  // Whom a deviation is about, where more than two are compared.
  std::string about(const Vote& vote) const { return names_.size() > 2 ? names_[vote.odd] + ": " : ""; }

  // Is it listed for one of the two?
  bool is_known(const Lane& lane, const std::string& signature) {
    if (request_.known.empty()) return false;
    for (const size_t party : {lane.vote.odd, lane.vote.right}) {
      const std::string reason = request_.known[party].reason(lane.scenario->name, signature);
      if (reason.empty()) continue;
      ++counts_.known[reason];
      return true;
    }
    return false;
  }

  void note(const std::string& signature, Json finding) {
    if (!findings_.contains(signature)) findings_[signature] = std::move(finding);
  }

  const CampaignRequest& request_;
  Sandbox& sandbox_;
  const std::vector<std::string> names_;  // of the parties
  Subjects subjects_;
  int out_;
  const Clock::time_point start_ = Clock::now();
  CampaignCounts counts_;
  Json findings_;
  std::unordered_set<uint64_t> states_, cells_;
  std::vector<uint64_t> new_cells_;  // not told yet
  std::map<std::string, size_t> shrunk_;
};

}  // namespace

int explore(const CampaignRequest& request, const std::vector<size_t>& chunks, int out) {
  try {
    SandboxRequest place = request.sandbox;
    for (const auto& name : parties_of(request)) show_programs(place, parse_subject(name));
    Sandbox sandbox(place);
    Explorer explorer(request, sandbox, out);
    for (const size_t chunk : chunks)
      if (!explorer.run(chunk)) break;
  } catch (const std::exception& problem) {
    tell(out, {{"broken", problem.what()}});
    return 3;
  }
  return 0;
}

Json json_from_counts(const CampaignCounts& counts) {
  return {{"sequences", counts.sequences},
          {"steps", counts.steps},
          {"nodes", counts.nodes},
          {"states", counts.states},
          {"digest", counts.digest},
          {"seconds", counts.seconds},
          {"processor_seconds", counts.processor_seconds},
          {"outcomes", counts.outcomes},
          {"deviations", counts.deviations},
          {"known", counts.known}};
}

CampaignCounts counts_from_json(const Json& json) {
  CampaignCounts counts;
  json.at("sequences").get_to(counts.sequences);
  json.at("steps").get_to(counts.steps);
  json.at("nodes").get_to(counts.nodes);
  json.at("states").get_to(counts.states);
  json.at("digest").get_to(counts.digest);
  json.at("seconds").get_to(counts.seconds);
  json.at("processor_seconds").get_to(counts.processor_seconds);
  json.at("outcomes").get_to(counts.outcomes);
  json.at("deviations").get_to(counts.deviations);
  json.at("known").get_to(counts.known);
  return counts;
}

}  // namespace ovlcheck::generate
