#include "harness/crash/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "adapters/adapter.h"
#include "adapters/vm/disk.h"
#include "harness/crash/legal.h"
#include "harness/crash/talk.h"

namespace ovlcheck {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kTrialsPerMachine = 20;  // each has a disk of its own
constexpr std::chrono::milliseconds kEagerPause(300), kEagerEnd(1500);

// Steps whose data may arrive in part.
const std::set<std::string> kWriting = {"put",       "write",           "truncate", "ftruncate",
                                        "fallocate", "copy_file_range", "mwrite"};

template <class T>
const T& pick(const std::vector<T>& all, std::mt19937_64& chance) {
  return all[chance() % all.size()];
}

Trial trial_of(const CampaignRequest& request, size_t number) {
  std::mt19937_64 chance(request.seed * 1000003 + number);
  Trial trial;
  trial.number = number;
  // In groups: trials of one machine share its boot.
  trial.machine = number / kTrialsPerMachine % request.machines.size();
  trial.scenario = chance() % request.scenarios.size();
  trial.fs = pick(request.file_systems, chance);
  trial.subject = pick(request.subjects, chance);
  trial.eager = chance() % 2 == 0;
  trial.loss = static_cast<PowerLoss>(chance() % 3);
  trial.moment = chance();
  return trial;
}

bool is_volatile(const Trial& trial, const Case& scenario) {
  return trial.subject.find("volatile") != std::string::npos || scenario.mount.count("volatile");
}

// What was seen of one trial before the crash.
struct Recording {
  History history;
  std::vector<size_t> marks;  // writes logged when state i was reached
  size_t end = 0;             // writes logged in all
  std::string problem;        // why there is nothing to judge
  bool refused = false;       // the first mount: nothing to judge here
};

// One trial with its disks.
struct Place {
  Trial trial;
  const Case* scenario = nullptr;
  std::unique_ptr<MemoryFile> disk, log;
  Recording recording;
  size_t done = 0;    // steps answered at the moment of the crash
  bool amid = false;  // while one more was under way
  std::unique_ptr<MemoryFile> left;
};

class Batch {
 public:
  Batch(const CampaignRequest& request, const Machine& machine,
        const std::map<std::string, std::unique_ptr<MemoryFile>>& bases)
      : request_(request), machine_(machine), bases_(bases) {}

  // Results so far; a machine that is lost takes the trial it was at with it and ends the batch.
  std::vector<TrialResult> run(const std::vector<Trial>& trials) {
    for (const auto& trial : trials) {
      Place place;
      place.trial = trial;
      place.scenario = &request_.scenarios[trial.scenario];
      place.disk = bases_.at(trial.fs)->copy("disk");
      place.log = std::make_unique<MemoryFile>("log");
      places_.push_back(std::move(place));
    }
    const size_t recorded = record_all();
    for (size_t i = 0; i < recorded; ++i) crash(places_[i]);
    std::vector<TrialResult> results = judge_all(recorded);
    if (recorded < places_.size() && !lost_.empty())
      results.push_back(result(places_[recorded], TrialVerdict::error, lost_));
    return results;
  }

 private:
  static std::string device(size_t index) { return std::string("/dev/vd") + static_cast<char>('a' + index); }

  static Json question(const char* what, const Place& place, size_t index) {
    return Json{{what, place.scenario->json},
                {"disk", device(index)},
                {"fs", place.trial.fs},
                {"subject", place.trial.subject},
                {"eager", place.trial.eager}};
  }

  static TrialResult result(const Place& place, TrialVerdict verdict, const std::string& why) {
    TrialResult one{place.trial, verdict, why, "", ""};
    one.when = fmt::format("{} step {} ({})", place.amid ? "during" : "after",
                           place.done + (place.amid ? 1 : 0), power_loss_name(place.trial.loss));
    return one;
  }

  // How many were recorded before the machine was lost, all if it was not.
  size_t record_all() {
    std::vector<Drive> drives;
    for (const auto& place : places_) drives.push_back({place.disk.get(), place.log.get()});
    size_t recorded = 0;
    try {
      Talk talk(machine_, drives);
      for (; recorded < places_.size(); ++recorded) record(talk, places_[recorded], recorded);
    } catch (const MachineLost& lost) {
      lost_ = lost.what();
    }
    return recorded;
  }

  static size_t logged(const Place& place) { return read_write_log(*place.log).size(); }

  // Adds the state that the answer tells; false if there is none.
  static bool add_state(const Json& answer, Place& place) {
    if (answer.contains("problem")) place.recording.problem = answer["problem"].get<std::string>();
    if (answer.contains("refused")) {
      place.recording.refused = true;
      place.recording.problem = answer["message"].get<std::string>();
    }
    if (!answer.contains("tree")) return false;
    place.recording.history.states.push_back(tree_from_json(answer["tree"], ""));
    place.recording.marks.push_back(logged(place));
    return true;
  }

  void record(Talk& talk, Place& place, size_t index) const {
    if (!add_state(talk.ask(question("begin", place, index)), place)) return;
    const auto& steps = place.scenario->steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      const Json answer = talk.ask(Json{{"step", i}});
      if (!add_state(answer, place)) return;
      const int error = answer.at("error").get<int>();
      if (error != 0 && steps[i].expect == "ok") {
        place.recording.problem = fmt::format("step {} fails: {}", i + 1, std::strerror(error));
        break;
      }
      place.recording.history.writes.push_back(kWriting.count(steps[i].op) != 0);
      if (error == 0) note_safe(place, i);
      if (place.trial.eager) std::this_thread::sleep_for(kEagerPause);
    }
    if (place.trial.eager) std::this_thread::sleep_for(kEagerEnd);
    place.recording.end = logged(place);
    (void)talk.ask(Json{{"end", true}});
  }

  // What step `index` made safe, by the promises of fsync(2) and syncfs(2); volatile mounts promise nothing.
  static void note_safe(Place& place, size_t index) {
    const auto& steps = place.scenario->steps;
    const Step& step = steps[index];
    if (is_volatile(place.trial, *place.scenario)) return;
    auto& safe = place.recording.history.safe;
    // FUSE passes no syncfs on to a daemon (2d82ab251ef0 is for virtiofs only).
    if (step.op == "syncfs" && parse_subject(place.trial.subject).kind == "kernel")
      safe.push_back({index + 1, Safe::What::everything, ""});
    if (step.op != "fsync" && step.op != "fdatasync") return;
    for (size_t i = index; i-- > 0;) {
      if (steps[i].op != "open" || steps[i].as != step.args.at(step.op).get<std::string>()) continue;
      const bool directory = steps[i].args.value("flags", "").find("O_DIRECTORY") != std::string::npos;
      const auto path = steps[i].args.at("open").get<std::string>();
      safe.push_back(
          {index + 1, directory ? Safe::What::entries : Safe::What::file, path == "." ? "" : path});
      return;
    }
  }

  // Chooses the moment and makes the disk that it leaves.
  void crash(Place& place) const {
    const auto& [history, marks, end, problem, refused] = place.recording;
    if (marks.empty() || !problem.empty()) return;
    std::mt19937_64 chance(place.trial.moment);
    const bool at_a_step = chance() % 2 == 0;
    const size_t moment =
        at_a_step ? pick(marks, chance) : marks.front() + chance() % (end - marks.front() + 1);
    while (place.done + 1 < marks.size() && marks[place.done + 1] <= moment) ++place.done;
    place.amid = moment > marks[place.done] && place.done + 1 < marks.size();
    const auto writes = read_write_log(*place.log);
    place.left = disk_after(*bases_.at(place.trial.fs), *place.log, writes, moment, place.trial.loss, chance);
  }

  std::vector<TrialResult> judge_all(size_t recorded) {
    std::vector<TrialResult> results;
    std::vector<Drive> drives;
    std::vector<Place*> crashed;
    for (size_t i = 0; i < recorded; ++i) {
      Place& place = places_[i];
      if (place.left) {
        crashed.push_back(&place);
        drives.push_back({place.left.get()});
      } else {
        results.push_back(result(place, place.recording.refused ? TrialVerdict::skipped : TrialVerdict::error,
                                 place.recording.problem));
      }
    }
    if (crashed.empty()) return results;
    size_t judged = 0;
    bool booted = false;
    try {
      Talk talk(machine_, drives);
      booted = true;
      for (; judged < crashed.size(); ++judged)
        results.push_back(judge(*crashed[judged], talk.ask(question("look", *crashed[judged], judged))));
    } catch (const MachineLost& lost) {
      // The one it was at brought it down: that is no legal end.
      results.push_back(
          result(*crashed[judged], booted ? TrialVerdict::illegal : TrialVerdict::error, lost.what()));
      for (size_t i = judged + 1; i < crashed.size(); ++i)
        results.push_back(result(*crashed[i], TrialVerdict::error, "the machine was lost before"));
    }
    return results;
  }

  static TrialResult judge(const Place& place, const Json& answer) {
    const History& history = place.recording.history;
    if (answer.contains("problem"))
      return result(place, TrialVerdict::illegal, answer["problem"].get<std::string>());
    TrialResult one = result(place, TrialVerdict::legal, "");
    if (answer.contains("refused")) {
      one.why = answer["message"].get<std::string>();
      // Documentation, "Volatile mount": after a crash the next mount is refused.
      one.verdict = is_volatile(place.trial, *place.scenario) ? TrialVerdict::legal : TrialVerdict::illegal;
      one.found = "refused";
      return one;
    }
    const Tree found = tree_from_json(answer.at("tree"), "");
    if (auto why = why_illegal(history, place.done, place.amid, found))
      return result(place, TrialVerdict::illegal, *why);
    const auto state = state_of(history, found);
    const auto newest = state_of(history, history.states[place.done]);
    one.found = !state                                           ? "between"
                : *state >= *newest                              ? "new"
                : *state == state_of(history, history.states[0]) ? "old"
                                                                 : "between";
    return one;
  }

  const CampaignRequest& request_;
  const Machine& machine_;
  const std::map<std::string, std::unique_ptr<MemoryFile>>& bases_;
  std::vector<Place> places_;
  std::string lost_;
};

// Hands out batches to threads and gathers what they find.
class Campaign {
 public:
  explicit Campaign(const CampaignRequest& request) : request_(request), start_(Clock::now()) {
    for (const auto& fs : request.file_systems) bases_[fs] = make_disk(fs);
    for (size_t number = request.first; number < request.first + request.count; ++number) {
      Trial trial = trial_of(request, number);
      if (batches_.empty() || batches_.back().size() == kTrialsPerMachine ||
          batches_.back().front().machine != trial.machine)
        batches_.emplace_back();
      batches_.back().push_back(std::move(trial));
    }
  }

  std::vector<TrialResult> run() {
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < std::max(1u, request_.jobs); ++i) threads.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    std::sort(results_.begin(), results_.end(),
              [](const auto& a, const auto& b) { return a.trial.number < b.trial.number; });
    return std::move(results_);
  }

 private:
  void work() {
    try {
      for (size_t next; !over() && (next = next_++) < batches_.size();) run_batch(batches_[next]);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_ = batches_.size();
    }
  }

  bool over() const {
    return request_.seconds > 0 &&
           std::chrono::duration<double>(Clock::now() - start_).count() > request_.seconds;
  }

  // What a lost machine left undone is done by another.
  void run_batch(std::vector<Trial> trials) {
    while (!trials.empty()) {
      Batch batch(request_, request_.machines[trials.front().machine], bases_);
      const auto results = batch.run(trials);
      if (results.empty()) return;
      std::erase_if(trials, [&](const Trial& trial) {
        return std::any_of(results.begin(), results.end(),
                           [&](const TrialResult& one) { return one.trial.number == trial.number; });
      });
      report(results);
    }
  }

  void report(const std::vector<TrialResult>& results) {
    const std::lock_guard lock(mutex_);
    for (const auto& one : results) {
      if (request_.on_result) request_.on_result(one);
      results_.push_back(one);
    }
  }

  const CampaignRequest& request_;
  const Clock::time_point start_;
  std::map<std::string, std::unique_ptr<MemoryFile>> bases_;
  std::vector<std::vector<Trial>> batches_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;  // of what follows
  std::vector<TrialResult> results_;
  std::exception_ptr failure_;
};

}  // namespace

std::vector<TrialResult> run_campaign(const CampaignRequest& request) {
  return Campaign(request).run();
}

}  // namespace ovlcheck
