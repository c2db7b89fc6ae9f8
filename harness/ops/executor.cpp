#include "harness/ops/executor.h"

#include <algorithm>
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

// Where the tracks of one `parallel` meet: the first time a track comes to a barrier it meets the others'
// first time, and so on. A track that ends no longer keeps the others waiting.
class Barriers {
 public:
  explicit Barriers(const std::vector<std::vector<Step>>& tracks) {
    for (const auto& track : tracks)
      for (size_t i = 0; i < track.size(); ++i)
        if (is_barrier(track[i])) ++awaited_[meeting(track, i)];
  }

  static bool is_barrier(const Step& step) { return step.op == "barrier"; }

  // Step `at` of the track is a barrier: waits for all tracks that have yet to come to it.
  void wait(const std::vector<Step>& track, size_t at) {
    std::unique_lock lock(mutex_);
    int& awaited = awaited_[meeting(track, at)];
    if (--awaited <= 0) return changed_.notify_all();
    changed_.wait(lock, [&] { return awaited <= 0; });
  }

  // The track will not come to the barriers from that step on any more.
  void leave(const std::vector<Step>& track, size_t from) {
    const std::lock_guard lock(mutex_);
    for (size_t i = from; i < track.size(); ++i)
      if (is_barrier(track[i])) --awaited_[meeting(track, i)];
    changed_.notify_all();
  }

  // Nobody waits for anybody any more.
  void abandon() {
    const std::lock_guard lock(mutex_);
    for (auto& [meeting, count] : awaited_) count = 0;
    changed_.notify_all();
  }

 private:
  // Name of the barrier, and how many of that name the track has passed before.
  using Meeting = std::pair<std::string, long>;
  static Meeting meeting(const std::vector<Step>& track, size_t at) {
    const auto name = track[at].args.at("barrier").get<std::string>();
    const auto same = [&](const Step& step) { return is_barrier(step) && step.args.at("barrier") == name; };
    return {name, std::count_if(track.begin(), track.begin() + static_cast<long>(at), same)};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Meeting, int> awaited_;
};

StepResult cannot_act(int error, const std::string& actor) {
  StepResult result = failure(error);
  if (error == kNotOffered) result.skip = "actor " + actor + ": these ids or capabilities cannot be had here";
  return result;
}

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
    if (!acting) return cannot_act(acting.error(), step.actor);
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
        mounter.leave_thread();
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
      if (Barriers::is_barrier(steps[i]))
        barriers.wait(steps, i);
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

Executor::Executor(Vfs& vfs, const std::map<std::string, Actor>& actors, NamedHandles handles)
    : state_(std::make_unique<State>(vfs, actors)) {
  for (auto& [name, handle] : handles) state_->names.put_handle(name, std::move(handle));
}

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

NamedHandles Executor::handles() const {
  return state_->names.handles();
}

}  // namespace ovlcheck
