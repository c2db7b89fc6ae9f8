#include "harness/run/pool.h"

#include <signal.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <list>
#include <memory>

#include "harness/run/probe.h"
#include "harness/run/start_worker.h"

namespace ovlcheck {
namespace {

namespace asio = boost::asio;

constexpr size_t kWindow = 16;  // requests a worker has in hand, so that it never waits for the parent

// What is left to do for one subject.
struct Queue {
  SubjectRequest subject;
  std::deque<size_t> waiting;  // numbers of requests nobody has in hand
  unsigned workers = 0;
  bool introduced = false;
  bool careful = false;  // one request at a time: a worker died of one of many and did not say of which

  bool needs_worker() const { return !waiting.empty() || (!introduced && workers == 0); }
};

class Pool {
 public:
  Pool(const PoolRequest& request, const PoolEvents& events)
      : request_(request), events_(events), signals_(context_, SIGINT, SIGTERM, SIGHUP) {
    for (const auto& subject : request.subjects) queues_.push_back(queue_of(subject));
    for (const auto& c : request.cases)
      texts_.push_back(",\"group\":" + Json(c.group).dump() + ",\"case\":" + c.json.dump() +
                       (request.observe ? ",\"observe\":true}" : "}"));
  }

  bool run() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) interrupt();
    });
    fill_slots();
    context_.run();
    if (failure_) std::rethrow_exception(failure_);
    return !interrupted_;
  }

 private:
  // One worker and the requests it has in hand, oldest first: it answers in this order.
  struct Slot {
    Queue* queue = nullptr;
    std::deque<size_t> in_hand;
    bool greeted = false;
    bool told = false;     // its last answer was that it ends
    bool garbled = false;  // it said something that is no answer
    std::unique_ptr<WorkerChannel> worker;
    std::unique_ptr<asio::steady_timer> silence;
    std::list<Slot>::iterator self;
  };

  Queue queue_of(const SubjectRequest& subject) const {
    Queue queue{subject, {}, 0, false, false};
    for (size_t number = 0; number < request_.cases.size() * request_.repeat; ++number)
      if (request_.done.empty() || !request_.done.count({subject.name, case_of(number).name()}))
        queue.waiting.push_back(number);
    return queue;
  }

  void fill_slots() {
    while (!interrupted_ && slots_.size() < request_.jobs) {
      Queue* best = nullptr;
      for (auto& queue : queues_)
        if (queue.needs_worker() && (!best || queue.workers < best->workers)) best = &queue;
      // A second worker pays only where there is more to do than the first has in hand.
      if (!best || (best->workers > 0 && (!best->introduced || best->waiting.size() < kWindow))) break;
      start(*best);
    }
    if (slots_.empty()) signals_.cancel();
  }

  void start(Queue& queue) {
    slots_.emplace_back();
    Slot& slot = slots_.back();
    slot.self = std::prev(slots_.end());
    slot.queue = &queue;
    slot.silence = std::make_unique<asio::steady_timer>(context_);
    ++queue.workers;
    slot.worker = start_worker(
        context_, request_, queue.subject,
        [this, &slot](const std::string& line) { guarded([&] { on_line(slot, line); }); },
        [this, &slot](const std::string& why) { guarded([&] { on_end(slot, why); }); });
    // Elsewhere something has to be booted first, which those who boot it watch.
    if (!queue.subject.open) expect_word(slot);
  }

  // Exceptions of handlers must not unwind through the event loop with workers running.
  template <class F>
  void guarded(F&& action) {
    try {
      action();
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
      interrupt();
    }
  }

  // The worker's own watchdog is the rule; this is for a worker that is stopped or stuck as a whole.
  void expect_word(Slot& slot) {
    slot.silence->expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>(60 + 4 * request_.step_timeout)));
    slot.silence->async_wait([&slot](const boost::system::error_code& error) {
      if (!error) slot.worker->kill();
    });
  }

  const Case& case_of(size_t number) const { return request_.cases[number % request_.cases.size()]; }

  static size_t take(Queue& queue) {
    const size_t number = queue.waiting.front();
    queue.waiting.pop_front();
    return number;
  }

  void top_up(Slot& slot) {
    Queue& queue = *slot.queue;
    const size_t share = queue.waiting.size() / (2 * std::max(1u, queue.workers)) + 1;
    const size_t window = queue.careful ? 1 : std::min(request_.staged ? kStagedTogether : kWindow, share);
    while (slot.in_hand.size() < window && !queue.waiting.empty()) {
      const size_t number = take(queue);
      slot.in_hand.push_back(number);
      slot.worker->send("{\"request\":" + std::to_string(number) + texts_[number % request_.cases.size()]);
    }
    if (slot.in_hand.empty()) slot.worker->finish();
  }

  struct Answer {
    size_t request = 0;
    Outcome outcome;
    std::optional<Observation> observation;
    bool last = false;
  };

  // Nothing if it is no answer to what the worker was asked.
  static std::optional<Answer> read_answer(const Slot& slot, const Json& word) {
    Answer answer;
    try {
      answer.request = word.at("request").get<size_t>();
      answer.outcome = outcome_from_json(word.at("outcome"));
      if (word.contains("observation")) answer.observation = observation_from_json(word["observation"]);
      answer.last = word.value("last", false);
    } catch (const std::exception&) {
      return std::nullopt;
    }
    if (slot.in_hand.empty() || answer.request != slot.in_hand.front()) return std::nullopt;
    return answer;
  }

  void on_line(Slot& slot, const std::string& line) {
    if (slot.garbled) return;
    const Json word = Json::parse(line, nullptr, false);
    if (word.is_object() && word.contains("broken") && word["broken"].is_string())
      return on_broken(slot, word["broken"].get<std::string>());
    if (word.is_object() && word.contains("hello") && !slot.greeted) return on_hello(slot, word["hello"]);
    auto answer = read_answer(slot, word);
    if (!answer) {
      // It is not itself any more; what it had in hand was its undoing.
      slot.garbled = true;
      return slot.worker->kill();
    }
    expect_word(slot);
    const Case& c = case_of(slot.in_hand.front());
    slot.in_hand.pop_front();
    answer->outcome.subject = slot.queue->subject.name;
    events_.on_outcome(answer->outcome, c, std::move(answer->observation));
    slot.told = answer->last;
    if (!slot.told) top_up(slot);
  }

  void on_hello(Slot& slot, const Json& hello) {
    slot.greeted = true;
    const SubjectInfo info = subject_from_hello(slot.queue->subject.name, hello);
    introduce(*slot.queue, info);
    if (!info.missing.empty()) give_up(*slot.queue, Verdict::skip, info.missing);
    top_up(slot);
    fill_slots();
  }

  // The worker could not start (before its hello) or says why it ends.
  void on_broken(Slot& slot, const std::string& why) {
    if (slot.greeted) return;
    SubjectInfo info;
    info.name = slot.queue->subject.name;
    info.missing = why;
    introduce(*slot.queue, info);
    give_up(*slot.queue, Verdict::error, why);
  }

  void introduce(Queue& queue, const SubjectInfo& info) {
    if (!std::exchange(queue.introduced, true)) events_.on_subject(info);
  }

  void give_up(Queue& queue, Verdict verdict, const std::string& why) {
    while (!queue.waiting.empty()) {
      report(queue, take(queue), verdict, why);
    }
  }

  void report(const Queue& queue, size_t number, Verdict verdict, const std::string& why) {
    Outcome outcome;
    outcome.subject = queue.subject.name;
    outcome.case_name = case_of(number).name();
    outcome.verdict = verdict;
    outcome.reason = why;
    events_.on_outcome(outcome, case_of(number), std::nullopt);
  }

  void on_end(Slot& slot, const std::string& end) {
    const std::string why = slot.garbled ? "the worker said something that is no answer" : end;
    Queue& queue = *slot.queue;
    --queue.workers;
    if (!interrupted_) {
      if (!slot.greeted && !queue.introduced)
        on_broken(slot, why.empty() ? "the worker ended before it said a word" : why);
      if (!slot.in_hand.empty() && !slot.told) blame(slot, why);
      queue.waiting.insert(queue.waiting.begin(), slot.in_hand.begin(), slot.in_hand.end());
    }
    // Not within a handler of the worker itself.
    asio::post(context_, [this, self = slot.self] {
      slots_.erase(self);
      guarded([this] { fill_slots(); });
    });
  }

  // Answers may have died with the worker, so that of several requests any may be the one it died of: then
  // they are run again one by one. A channel that knows why it ended has lost no answers.
  void blame(Slot& slot, const std::string& why) {
    slot.queue->careful = why.empty() && slot.in_hand.size() > 1;
    if (slot.queue->careful) return;
    report(*slot.queue, slot.in_hand.front(), Verdict::crash,
           why.empty() ? "the worker ended without a word (killed, or out of memory)" : why);
    slot.in_hand.pop_front();
  }

  void interrupt() {
    interrupted_ = true;
    signals_.cancel();
    for (auto& slot : slots_) {
      slot.silence->cancel();
      slot.worker->kill();
    }
  }

  const PoolRequest& request_;
  const PoolEvents& events_;
  asio::io_context context_;
  asio::signal_set signals_;
  std::vector<Queue> queues_;
  std::vector<std::string> texts_;  // each case as the rest of its request line
  std::list<Slot> slots_;
  bool interrupted_ = false;
  std::exception_ptr failure_;
};

}  // namespace

bool run_pool(const PoolRequest& request, const PoolEvents& events) {
  return Pool(request, events).run();
}

}  // namespace ovlcheck
