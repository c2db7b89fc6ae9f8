#include "harness/generate/campaign.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "harness/case/problem.h"
#include "harness/generate/campaign_report.h"
#include "harness/generate/explorer.h"
#include "harness/generate/finding.h"
#include "harness/run/forked_process.h"

namespace ovlcheck::generate {
namespace {

[[noreturn]] void broken(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

using Clock = std::chrono::steady_clock;

// A worker tells something after every arena, which takes seconds: one that is silent for so long hangs.
constexpr std::chrono::seconds kSilence(120);

// A worker process, and what it has told so far.
struct Worker {
  Worker(const CampaignRequest& request, std::vector<size_t> todo)
      : chunks(std::move(todo)), process([&](int out) { return explore(request, chunks, out); }) {}

  std::vector<size_t> chunks;
  ForkedProcess process;
  std::optional<size_t> at;  // chunk under way
  CampaignCounts so_far;     // of that chunk
  bool told = false;         // why it ends
  Clock::time_point heard = Clock::now();
};

class Campaign {
 public:
  Campaign(const CampaignRequest& request, const std::function<void(const CampaignResult&)>& on_progress)
      : request_(request), on_progress_(on_progress) {}

  CampaignResult run() {
    std::filesystem::create_directories(request_.folder);
    if (request_.resume) load();
    start();
    while (!workers_.empty()) {
      listen();
      show();
    }
    if (result_.counts.sequences == 0 && !result_.broken.empty())
      throw std::runtime_error(result_.broken.front());
    mark();
    store();
    write(request_.folder / "report.md", campaign_markdown(request_, result_));
    write(request_.folder / "coverage.svg", campaign_svg(result_));
    return result_;
  }

 private:
  void start() {
    std::vector<std::vector<size_t>> shares(std::max(1u, request_.jobs));
    size_t next = 0;
    for (size_t chunk = 0; chunk < request_.chunks; ++chunk)
      if (!result_.done.contains(chunk)) shares[next++ % shares.size()].push_back(chunk);
    for (auto& share : shares)
      if (!share.empty()) workers_.push_back(std::make_unique<Worker>(request_, std::move(share)));
  }

  void listen() {
    std::vector<pollfd> events;
    for (const auto& worker : workers_) events.push_back({worker->process.fd(), POLLIN, 0});
    if (::poll(events.data(), events.size(), 1000) < 0 && errno != EINTR) broken("poll");
    for (size_t i = events.size(); i-- > 0;) {
      Worker& worker = *workers_[i];
      if (!events[i].revents) {
        if (Clock::now() - worker.heard > kSilence) give_up(i);
        continue;
      }
      worker.heard = Clock::now();
      if (worker.process.read([&](const Json& word) { hear(worker, word); })) continue;
      auto ended = std::move(workers_[i]);
      workers_.erase(workers_.begin() + static_cast<long>(i));
      bury(*ended);
    }
  }

  // Its process goes with it, what it had to do after the chunk it was at is left to another one.
  void give_up(size_t i) {
    const auto hung = std::move(workers_[i]);
    workers_.erase(workers_.begin() + static_cast<long>(i));
    result_.broken.push_back("a worker hung in chunk " + std::to_string(hung->at.value_or(0)));
    leave_to_another(*hung);
  }

  void hear(Worker& worker, const Json& word) {
    if (word.contains("at")) worker.at = word["at"].get<size_t>();
    if (word.contains("counts_so_far")) {
      worker.so_far = counts_from_json(word["counts_so_far"]);
      for (const auto& cell : word["cells"]) result_.cells.insert(cell.get<uint64_t>());
      mark();
    }
    if (word.contains("broken")) {
      result_.broken.push_back(word["broken"].get<std::string>());
      worker.told = true;
    }
    if (!word.contains("chunk")) return;
    worker.so_far = {};
    worker.at.reset();
    result_.counts.add(counts_from_json(word["counts"]));
    for (const auto& [signature, finding] : word["findings"].items())
      result_.findings.try_emplace(signature, finding);
    if (word["partial"].get<bool>()) return;
    result_.done.insert(word["chunk"].get<size_t>());
    store();
  }

  // A worker that died takes only the chunk it was at with it.
  void bury(Worker& worker) {
    const std::string end = worker.process.wait();
    if (end.empty()) return;
    if (!worker.told)
      result_.broken.push_back("a worker was lost in chunk " + std::to_string(worker.at.value_or(0)) + ": " +
                               end);
    leave_to_another(worker);
  }

  void leave_to_another(const Worker& worker) {
    result_.counts.add(worker.so_far);
    std::vector<size_t> left;
    for (const size_t chunk : worker.chunks)
      if (worker.at && chunk > *worker.at) left.push_back(chunk);
    if (!left.empty()) workers_.push_back(std::make_unique<Worker>(request_, std::move(left)));
  }

  void show() const {
    if (!on_progress_) return;
    CampaignResult now = result_;
    for (const auto& worker : workers_) now.counts.add(worker->so_far);
    on_progress_(now);
  }

  // Notes what has been met by now, at most once a second.
  void mark() {
    const std::chrono::duration<double> passed = Clock::now() - start_;
    auto& all = result_.milestones;
    Milestone now{seconds_before_ + passed.count(), 0, 0, 0, result_.cells.size()};
    if (!all.empty() && now.seconds < all.back().seconds + 1 && !workers_.empty()) return;
    CampaignCounts counts = result_.counts;
    for (const auto& worker : workers_) counts.add(worker->so_far);
    now.steps = counts.steps, now.states = counts.states, now.outcomes = counts.outcomes.size();
    all.push_back(now);
  }

  std::filesystem::path file() const { return request_.folder / "campaign.json"; }
  std::string identity() const {
    return request_.work + ", " + request_.subject + " against " +
           fmt::format("{}", fmt::join(request_.references, ", "));
  }

  void load() {
    std::ifstream stored(file());
    if (!stored) return;
    const Json json = Json::parse(stored, nullptr, false);
    if (json.is_discarded() || json.value("campaign", "") != identity())
      throw std::invalid_argument(file().string() + " is of another campaign than \"" + identity() +
                                  "\"; give another --output or leave --resume out");
    result_.counts = counts_from_json(json.at("counts"));
    for (const auto& chunk : json.at("done")) result_.done.insert(chunk.get<size_t>());
    for (const auto& [signature, finding] : json.at("findings").items())
      result_.findings[signature] = finding;
    json.at("cells").get_to(result_.cells);
    for (const auto& each : json.at("milestones"))
      result_.milestones.push_back({each.at(0), each.at(1), each.at(2), each.at(3), each.at(4)});
    if (!result_.milestones.empty()) seconds_before_ = result_.milestones.back().seconds;
  }

  void store() const {
    Json findings = Json::object();
    std::vector<Json> cases;
    Json milestones = Json::array();
    for (const auto& each : result_.milestones)
      milestones.push_back({each.seconds, each.steps, each.states, each.outcomes, each.cells});
    for (const auto& [signature, finding] : result_.findings) {
      findings[signature] = finding;
      if (finding["trouble"] == "") cases.push_back(finding["case"]);
    }
    write(file(), {{"format", 1},
                   {"campaign", identity()},
                   {"chunks", request_.chunks},
                   {"done", result_.done},
                   {"counts", json_from_counts(result_.counts)},
                   {"cells", result_.cells},
                   {"milestones", milestones},
                   {"findings", findings}});
    write(request_.folder / "findings.json",
          case_file("findings", "Deviations of " + identity() + ", shrunk.", cases));
  }

  static void write(const std::filesystem::path& path, const Json& json) {
    write(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  // Replaced at once, so that a kill leaves the old one.
  static void write(const std::filesystem::path& path, const std::string& text) {
    const auto temporary = path.string() + ".new";
    std::ofstream out(temporary);
    out << text;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + temporary);
    std::filesystem::rename(temporary, path);
  }

  const CampaignRequest& request_;
  const std::function<void(const CampaignResult&)>& on_progress_;
  CampaignResult result_;
  std::vector<std::unique_ptr<Worker>> workers_;
  const Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;  // the campaign was interrupted
};

}  // namespace

void CampaignCounts::add(const CampaignCounts& other) {
  sequences += other.sequences, steps += other.steps, nodes += other.nodes, states += other.states;
  digest += other.digest;
  seconds += other.seconds, processor_seconds += other.processor_seconds;
  for (const auto& [name, count] : other.outcomes) outcomes[name] += count;
  for (const auto& [name, count] : other.deviations) deviations[name] += count;
  for (const auto& [reason, count] : other.known) known[reason] += count;
}

std::vector<std::string> parties_of(const CampaignRequest& request) {
  std::vector<std::string> names = request.references;
  names.insert(names.begin() + kSubject, request.subject);
  return names;
}

CampaignResult run_campaign(const CampaignRequest& request,
                            const std::function<void(const CampaignResult&)>& on_progress) {
  return Campaign(request, on_progress).run();
}

}  // namespace ovlcheck::generate
