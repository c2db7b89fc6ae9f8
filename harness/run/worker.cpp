#include "harness/run/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "harness/case/problem.h"
#include "harness/judge/judge.h"
#include "harness/ops/faults.h"
#include "harness/ops/fd.h"
#include "harness/run/case_run.h"
#include "harness/run/namespaces.h"
#include "harness/run/staging.h"

namespace ovlcheck {
namespace {

// Lines to and from the parent. Standard output is moved away, so that nothing a subject prints gets in
// between. Answers are written several at a time: waking the parent costs as much as a case.
class Channel {
 public:
  Channel() : out_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100)) {
    if (out_ < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
      throw std::runtime_error(std::string("stdout: ") + std::strerror(errno));
  }

  // Keeps the line until there are some, the oldest is a while old, or nothing more is to be done at once.
  void answer(const Json& word) {
    std::lock_guard lock(mutex_);
    const auto now = Progress::Clock::now();
    if (kept_ == 0) oldest_ = now;
    append(word);
    if (++kept_ >= kKeptAnswers || now - oldest_ > kKeptFor || !has_line()) flush();
  }

  // Writes the line at once, after those that were kept.
  void say(const Json& word) {
    std::lock_guard lock(mutex_);
    append(word);
    flush();
  }

  // Up to `most` lines: one, and those that follow before there is silence. Empty at end of file.
  std::vector<std::string> read_lines(size_t most) {
    std::vector<std::string> lines(1);
    if (!read_line(lines.front())) return {};
    while (lines.size() < most) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (!has_line() && ::poll(&input, 1, kSilence) <= 0) break;
      if (!read_line(lines.emplace_back())) {
        lines.pop_back();
        break;
      }
    }
    return lines;
  }

  // False at end of file.
  bool read_line(std::string& line) {
    while (!has_line()) {
      std::array<char, 65536> chunk;
      const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
      if (n == 0 || (n < 0 && errno != EINTR)) return false;
      if (n > 0) in_.append(chunk.data(), static_cast<size_t>(n));
    }
    const size_t end = in_.find('\n', taken_);
    line.assign(in_, taken_, end - taken_);
    taken_ = end + 1;
    if (taken_ == in_.size()) in_.clear(), taken_ = 0;
    return true;
  }

 private:
  static constexpr int kKeptAnswers = 8;
  static constexpr std::chrono::milliseconds kKeptFor{20};
  static constexpr int kSilence = 20;  // milliseconds

  bool has_line() const { return in_.find('\n', taken_) != std::string::npos; }

  void append(const Json& word) {
    // What subjects print need not be UTF-8.
    pending_ += word.dump(-1, ' ', false, Json::error_handler_t::replace);
    pending_ += '\n';
  }

  void flush() {
    for (size_t done = 0; done < pending_.size();) {
      const ssize_t n = ::write(out_, pending_.data() + done, pending_.size() - done);
      if (n < 0 && errno != EINTR) _exit(3);  // nobody is listening any more
      if (n > 0) done += static_cast<size_t>(n);
    }
    pending_.clear();
    kept_ = 0;
  }

  int out_;
  std::mutex mutex_;  // of what is to be written
  std::string pending_;
  int kept_ = 0;
  Progress::Clock::time_point oldest_;
  std::string in_;
  size_t taken_ = 0;  // bytes of in_ that were handed out
};

Json answer_of(long request, const Outcome& outcome) {
  return Json{{"request", request}, {"outcome", json_from_outcome(outcome)}};
}

// The same, of a worker that ends with it.
Json last_answer(long request, const Outcome& outcome) {
  Json answer = answer_of(request, outcome);
  answer["last"] = true;
  return answer;
}

// What a signal handler needs, kept outside of any object because a handler gets no argument.
struct LastWords {
  const Progress* progress = nullptr;
  Channel* channel = nullptr;
  std::string subject;
} last_words;

// A bug in an in-process subject ends here. The process is lost anyway, so that allocating is worth the risk:
// should it hang, the watchdog of the parent ends it.
void report_crash(int signal) {
  ::signal(signal, SIG_DFL);
  ::signal(SIGALRM, SIG_DFL);
  alarm(5);
  const auto now = last_words.progress->now();
  if (now.busy) {
    Outcome outcome;
    outcome.subject = last_words.subject;
    outcome.case_name = now.case_name;
    outcome.verdict = Verdict::crash;
    outcome.reason = std::string("the worker was killed by ") + strsignal(signal) +
                     (now.where.empty() ? "" : " in step " + now.where);
    last_words.channel->say(last_answer(now.request, outcome));
  }
  end_namespace(128 + signal);
}

// Ends the worker when a step takes too long or the parent is gone, and with it everything in its namespaces:
// a thread that waits for a daemon cannot even be killed before that daemon.
class Watchdog {
 public:
  Watchdog(const Progress& progress, Channel& channel, const std::string& subject, double timeout)
      : progress_(progress),
        channel_(channel),
        subject_(subject),
        timeout_(timeout),
        done_(eventfd(0, EFD_CLOEXEC)) {
    if (!done_) throw std::runtime_error(std::string("eventfd: ") + std::strerror(errno));
    thread_ = std::thread([this] { watch(); });
  }
  ~Watchdog() {
    const uint64_t one = 1;
    if (write(done_.get(), &one, sizeof one) != sizeof one) _exit(3);
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;

 private:
  void watch() const {
    pollfd events[] = {{done_.get(), POLLIN, 0}, {STDIN_FILENO, 0, 0}};
    for (;;) {
      if (poll(events, 2, 100) < 0 && errno != EINTR) _exit(3);
      if (events[0].revents) return;
      const auto now = progress_.now();
      if (now.busy && (events[1].revents & (POLLHUP | POLLERR))) end_namespace(3);
      // Idle with the parent gone: the working thread sees the end of its input and ends in order.
      if (events[1].revents) events[1].fd = now.busy ? STDIN_FILENO : -1;
      const std::chrono::duration<double> elapsed = Progress::Clock::now() - now.since;
      if (now.busy && elapsed.count() > timeout_) give_up(now, elapsed.count());
    }
  }

  [[noreturn]] void give_up(const Progress::Now& now, double elapsed) const {
    Outcome outcome;
    outcome.subject = subject_;
    outcome.case_name = now.case_name;
    outcome.verdict = Verdict::timeout;
    outcome.reason =
        fmt::format("{} took longer than {:g} s",
                    now.where.empty() ? "mounting, looking or unmounting" : "step " + now.where, timeout_);
    outcome.seconds = elapsed;
    channel_.say(last_answer(now.request, outcome));
    end_namespace(124);
  }

  const Progress& progress_;
  Channel& channel_;
  std::string subject_;
  double timeout_;
  Fd done_;
  std::thread thread_;
};

bool runs_programs(const std::vector<Step>& steps) {
  return any_step(steps, [](const Step& step) { return step.op == "run" || step.op == "execve"; });
}

class Worker {
 public:
  // `attached`: where all cases are run, nullptr = on mounts of their own.
  Worker(const WorkerOptions& options, Channel& channel, Sandbox& sandbox, Progress& progress,
         const Stage* attached)
      : options_(options), channel_(channel), sandbox_(sandbox), progress_(progress), attached_(attached) {
    name_ = parse_subject(options.subject);
    name_.command = options.mount_command;
    adapter_ = make_adapter(name_, sandbox.environment());
    // What is mounted already needs neither its program nor the right to mount.
    if (!attached_) missing_ = adapter_->missing(sandbox.environment());
    if (!options.exchange.empty()) open_exchange();
    if (options.staged && !missing_ && adapter_->has_layers()) staging_.emplace(*adapter_, sandbox);
  }

  void say_hello() {
    const Environment& environment = sandbox_.environment();
    Json hello = {
        {"kernel", environment.kernel},
        {"privilege", environment.privilege},
        {"fs", environment.fs + (environment.lower_fs.empty() ? "" : ", lowers " + environment.lower_fs)},
        {"mapped_uids", environment.mapped_uids},
        {"version", missing_ ? "" : adapter_->version()},
        {"missing", missing_.value_or("")}};
    channel_.say(Json{{"hello", hello}});
  }

  // Requests that came together.
  void answer(const std::vector<std::string>& lines) {
    if (!staging_) {
      for (const std::string& line : lines) {
        const Json request = Json::parse(line);
        answer(request, case_of(request), attached_);
        if (cases_ % kRenewEvery == 0) sandbox_.renew();
      }
      return;
    }
    std::vector<Json> requests;
    std::vector<Case> cases;
    for (const std::string& line : lines) {
      requests.push_back(Json::parse(line));
      cases.push_back(case_of(requests.back()));
    }
    staging_->clear();
    sandbox_.renew();
    staging_->prepare(cases);
    for (size_t i = 0; i < cases.size(); ++i) {
      answer(requests[i], cases[i], staging_->stage_of(cases[i]));
      staging_->done_with(cases[i]);
    }
  }

  // How many requests it likes to have at once.
  size_t batch() const { return staging_ ? kStagedTogether : 1; }

 private:
  // The other subject gets the options that the first one has by its name, besides its own.
  void open_exchange() {
    SubjectName other = parse_subject(options_.exchange);
    other.options.insert(name_.options.begin(), name_.options.end());
    other_ = make_adapter(other, sandbox_.environment());
    exchange_.emplace(Exchange{options_.exchange, other.kind, *other_});
    const auto lacking = other_->missing(sandbox_.environment());
    if (!missing_ && lacking) missing_ = options_.exchange + ": " + *lacking;
  }

  static Case case_of(const Json& request) {
    return case_from_json(request.at("case"), request.at("group").get<std::string>(), "");
  }

  void answer(const Json& request, const Case& c, const Stage* stage) {
    const long number = request.at("request").get<long>();
    progress_.begin_case(number, c.name());
    const Observation seen =
        run_case(c, *adapter_, name_.kind, sandbox_, progress_, stage, exchange_ ? &*exchange_ : nullptr);
    // What a program left in the background must not live on in the next case.
    if (runs_programs(c.steps)) end_strays();
    progress_.end_case();
    Outcome outcome = exchange_ ? judge_exchange(c, seen, exchange_->name)
                                : judge(c, seen, facts(seen), adapter_->has_layers());
    outcome.subject = options_.subject;
    outcome.case_name = c.name();
    outcome.seconds = seen.seconds;
    Json answer = answer_of(number, outcome);
    if (request.value("observe", false)) answer["observation"] = json_from_observation(seen);
    channel_.answer(answer);
    ++cases_;
  }

  Facts facts(const Observation& seen) const {
    return {seen.options, name_.kind == "kernel" ? sandbox_.environment().kernel : "", seen.privilege,
            seen.fs, sandbox_.environment().lower_fs.empty()};
  }

  const WorkerOptions& options_;
  Channel& channel_;
  Sandbox& sandbox_;
  Progress& progress_;
  const Stage* attached_;
  SubjectName name_;
  std::unique_ptr<Adapter> adapter_;
  std::optional<std::string> missing_;
  std::unique_ptr<Adapter> other_;
  std::optional<Exchange> exchange_;  // with other_
  std::optional<Staging> staging_;
  long cases_ = 0;
};

SandboxRequest with_programs(const WorkerOptions& options) {
  SandboxRequest request = options.sandbox;
  SubjectName name = parse_subject(options.subject);
  name.command = options.mount_command;
  show_programs(request, name);
  if (!options.exchange.empty()) show_programs(request, parse_subject(options.exchange));
  return request;
}

// Of what the parent has open only the three standard descriptors are ours: other workers' channels are not.
void close_inherited() {
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
  // Before Linux 5.9.
  for (int fd = 3, end = static_cast<int>(sysconf(_SC_OPEN_MAX)); fd < end; ++fd) (void)close(fd);
}

}  // namespace

int run_worker(const WorkerOptions& options) {
  close_inherited();
  (void)signal(SIGPIPE, SIG_IGN);
  // Ctrl-C reaches the whole foreground group; the parent decides what it means.
  (void)signal(SIGINT, SIG_IGN);
  (void)umask(022);
  Channel channel;
  try {
    // Opened where the user mounted it: the sandbox shows the host read-only.
    std::unique_ptr<Stage> attached;
    if (options.attach)
      attached = open_stage(options.attach->merged, options.attach->upper, options.attach->lowers);
    Sandbox sandbox(with_programs(options));
    if (options.faults && !enable_faults())
      throw std::runtime_error(
          "this kernel cannot refuse memory: it needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION");
    Progress progress;
    Worker worker(options, channel, sandbox, progress, attached.get());
    last_words = {&progress, &channel, options.subject};
    for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) (void)::signal(signal, report_crash);
    Watchdog watchdog(progress, channel, options.subject, options.step_timeout);
    worker.say_hello();
    for (;;) {
      const auto lines = channel.read_lines(worker.batch());
      if (lines.empty()) break;
      worker.answer(lines);
    }
  } catch (const std::exception& problem) {
    channel.say(Json{{"broken", problem.what()}});
    return 3;
  }
  return 0;
}

}  // namespace ovlcheck
