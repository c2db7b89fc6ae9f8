#include "harness/ops/executor.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "harness/case/problem.h"
#include "harness/ops/executor_context.h"

namespace ovlcheck {
namespace {

OperationFunction find_function(std::string_view name) {
  for (const auto* topic :
       {&file_operations(), &name_operations(), &attribute_operations(), &lock_and_program_operations()})
    if (auto found = topic->find(name); found != topic->end()) return found->second;
  return nullptr;
}

// Where the tracks of one `parallel` meet. A track that ends no longer keeps the others waiting.
class Barriers {
 public:
  explicit Barriers(const std::vector<std::vector<Step>>& tracks) {
    for (const auto& track : tracks)
      for (const auto& step : track)
        if (step.op == "barrier") ++expected_[step.args.at("barrier").get<std::string>()];
  }

  void wait(const std::string& name) {
    std::unique_lock lock(mutex_);
    if (++arrived_[name] >= expected_[name]) return changed_.notify_all();
    changed_.wait(lock, [&] { return arrived_[name] >= expected_[name]; });
  }

  // The track will not come to the barriers from that step on any more.
  void leave(const std::vector<Step>& track, size_t from) {
    std::lock_guard lock(mutex_);
    for (size_t i = from; i < track.size(); ++i)
      if (track[i].op == "barrier") --expected_[track[i].args.at("barrier").get<std::string>()];
    changed_.notify_all();
  }

  // Nobody waits for anybody any more.
  void abandon() {
    std::lock_guard lock(mutex_);
    for (auto& [name, count] : expected_) count = 0;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> expected_, arrived_;
};

}  // namespace

struct Executor::State {
  State(Vfs& mounter_view, const std::map<std::string, Actor>& all) : mounter(mounter_view), actors(all) {}

  // The view of that actor, made when it first acts.
  Sys<Vfs*> view(const std::string& actor) {
    if (actor.empty()) return &mounter;
    std::lock_guard lock(mutex);
    auto& existing = views[actor];
    if (!existing) {
      auto found = actors.find(actor);
      if (found == actors.end()) throw BadCase("", "there is no actor \"" + actor + "\"");
      auto made = mounter.act_as(found->second);
      if (!made) return failed(made.error());
      existing = std::move(*made);
    }
    return existing.get();
  }

  StepResult perform(const Step& step) {
    if (step.op == "parallel") return parallel(step);
    const OperationFunction function = find_function(step.op);
    if (!function) throw BadCase(step.where, "\"" + step.op + "\" is not an operation on files");
    auto acting = view(step.actor);
    if (!acting) return failure(acting.error());
    return function({**acting, names, step, step.args.at(step.op)});
  }

  StepResult parallel(const Step& step) {
    StepResult result;
    result.tracks.resize(step.tracks.size());
    Barriers barriers(step.tracks);
    std::vector<std::thread> threads;
    std::vector<std::exception_ptr> problems(step.tracks.size());
    for (size_t i = 0; i < step.tracks.size(); ++i)
      threads.emplace_back([&, i] {
        try {
          track(step.tracks[i], result.tracks[i], barriers);
        } catch (...) {
          problems[i] = std::current_exception();
          barriers.abandon();
        }
      });
    for (auto& thread : threads) thread.join();
    for (const auto& problem : problems)
      if (problem) std::rethrow_exception(problem);
    for (const auto& one : result.tracks)
      for (const auto& inner : one)
        if (!inner.skip.empty()) result.skip = inner.skip;
    return result;
  }

  void track(const std::vector<Step>& steps, std::vector<StepResult>& results, Barriers& barriers) {
    results.resize(steps.size());
    size_t i = 0;
    const auto entered = mounter.enter_thread();
    for (; entered && i < steps.size(); ++i) {
      if (steps[i].op == "barrier")
        barriers.wait(steps[i].args.at("barrier").get<std::string>());
      else
        results[i] = perform(steps[i]);
      results[i].ran = true;
      if (!results[i].skip.empty()) break;
    }
    if (!entered && !results.empty()) results[0] = failure(entered.error()), results[0].ran = true;
    barriers.leave(steps, i);
  }

  Vfs& mounter;
  const std::map<std::string, Actor>& actors;
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Vfs>> views;
  Names names;
};

Executor::Executor(Vfs& vfs, const std::map<std::string, Actor>& actors)
    : state_(std::make_unique<State>(vfs, actors)) {}

Executor::~Executor() {
  forget();
}

StepResult Executor::run(const Step& step) {
  return state_->perform(step);
}

void Executor::forget() {
  for (int fd : state_->names.clear()) (void)state_->mounter.close(fd);  // may have been closed by the case
  state_->views.clear();
}

}  // namespace ovlcheck
