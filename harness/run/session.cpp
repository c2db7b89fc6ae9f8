#include "harness/run/session.h"

#include <boost/asio/io_context.hpp>
#include <optional>

#include "harness/run/probe.h"
#include "harness/run/start_worker.h"

namespace ovlcheck {

// One worker and the last thing it said.
struct Session::Conversation {
  Conversation(const PoolRequest& request, const SubjectRequest& subject) {
    worker = start_worker(
        context, request, subject, [this](const std::string& line) { word = Json::parse(line); },
        [this](const std::string& why) {
          ended = true;
          farewell = why;
        });
    listen();
    if (word.is_object() && word.contains("hello"))
      missing = subject_from_hello(subject.name, word["hello"]).missing;
    else
      broken = word.is_object()   ? word.value("broken", "")
               : farewell.empty() ? "the worker ended before it said a word"
                                  : farewell;
  }

  // Until the worker has said something or is gone.
  void listen() {
    word = nullptr;
    context.restart();
    while (word.is_null() && !ended)
      if (context.run_one() == 0) break;
  }

  boost::asio::io_context context;
  std::unique_ptr<WorkerChannel> worker;
  Json word;
  bool ended = false;
  std::string missing, broken;
  std::string farewell;  // what is known about its end
};

Session::Session(const PoolRequest& request, SubjectRequest subject) : request_(request) {
  request_.subjects = {std::move(subject)};
}

Session::~Session() = default;

Outcome Session::run(const Case& c) {
  if (!conversation_ || conversation_->ended)
    conversation_ = std::make_unique<Conversation>(request_, request_.subjects.front());
  Conversation& talk = *conversation_;
  Outcome outcome;
  outcome.subject = request_.subjects.front().name;
  outcome.case_name = c.name();
  if (!talk.broken.empty() || !talk.missing.empty()) {
    outcome.verdict = talk.broken.empty() ? Verdict::skip : Verdict::error;
    outcome.reason = talk.broken.empty() ? talk.missing : talk.broken;
    return outcome;
  }
  talk.worker->send(Json{{"request", 0}, {"group", c.group}, {"case", c.json}}.dump());
  talk.listen();
  if (talk.word.is_object() && talk.word.contains("outcome")) {
    if (talk.word.value("last", false)) talk.ended = true;
    return outcome_from_json(talk.word["outcome"]);
  }
  talk.ended = true;
  outcome.verdict = Verdict::crash;
  outcome.reason =
      talk.farewell.empty() ? "the worker ended without a word (killed, or out of memory)" : talk.farewell;
  return outcome;
}

}  // namespace ovlcheck
