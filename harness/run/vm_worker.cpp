#include "harness/run/vm_worker.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "adapters/vm/disk.h"
#include "adapters/vm/frame.h"
#include "adapters/vm/splat.h"
#include "harness/judge/outcome.h"
#include "harness/run/worker_process.h"

namespace ovlcheck {
namespace {

namespace asio = boost::asio;

constexpr unsigned kBoots = 3;
constexpr std::chrono::seconds kBootTime(180), kSilence(60);  // hosts may be busy

// The last lines of a console, for a machine that ended without saying why.
std::string tail(const std::string& log, size_t lines) {
  size_t at = log.size();
  for (size_t n = 0; n <= lines && at != 0 && at != std::string::npos; ++n) at = log.rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? log : log.substr(at + 1);
}

class VmWorker : public WorkerChannel {
 public:
  VmWorker(boost::asio::io_context& context, const Machine& machine, VmProgram program, OnLine on_line,
           OnEnd on_end)
      : context_(context),
        patience_(context),
        release_(machine.release),
        on_line_(std::move(on_line)),
        on_end_(std::move(on_end)),
        disk_(std::move(program.owned)),
        console_("console"),
        on_counts_(std::move(program.on_counts)),
        start_(Json{{"arguments", program.arguments},
                    {"fs", program.fs},
                    {"counters", bool(on_counts_)},
                    {"faults", program.faults}}
                   .dump()),
        command_(qemu_command(machine, console_, program.drives)) {
    boot();
  }

  void send(const std::string& line) override { put(FrameKind::line, line); }
  void finish() override { put(FrameKind::end, ""); }
  void kill() override {
    silenced_ = true;
    qemu_->kill();
  }

 private:
  void boot() {
    ++boots_;
    qemu_ = std::make_unique<WorkerProcess>(
        context_, command_.front(), std::vector<std::string>(command_.begin() + 1, command_.end()),
        [this](const std::string& line) { on_frame(line); }, [this](const std::string&) { ended(); });
    put(FrameKind::start, start_);
    expect_frame(kBootTime);
  }

  void expect_frame(std::chrono::seconds limit) {
    patience_.expires_after(limit);
    patience_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      silenced_ = greeted_;
      qemu_->kill();
    });
  }

  void put(FrameKind kind, const std::string& payload) {
    std::string line = to_line(kind, payload);
    line.pop_back();
    qemu_->send(line);
  }

  void on_frame(const std::string& line) {
    const auto frame = frame_from_line(line);
    if (!frame) return give_up("a damaged line came out of the virtual machine");
    expect_frame(greeted_ ? kSilence : kBootTime);
    switch (frame->kind) {
      case FrameKind::tick:
        return;
      case FrameKind::counts:
        return on_counts(frame->payload);
      case FrameKind::line:
        told_until_ = console_.size();
        if (!hand_on_counts(frame->payload)) return;
        return on_line_(as_crash_if_splat(frame->payload));
      case FrameKind::splat:
        splat_ = Json::parse(frame->payload).get<std::string>();
        return;
      case FrameKind::broken:
        return give_up(frame->payload);
      default:
        return give_up("the virtual machine speaks out of turn");
    }
  }

  // Counters come before the line they belong to, but for those that introduce the kernel.
  void on_counts(const std::string& payload) {
    counts_ = Json::parse(payload, nullptr, false);
    if (counts_.contains("files")) (void)hand_on_counts("null");
  }

  // False if nobody can take them: then the machine ends.
  bool hand_on_counts(const std::string& line) {
    if (counts_.is_null() || !on_counts_) return true;
    try {
      on_counts_(std::exchange(counts_, nullptr), Json::parse(line));
      return true;
    } catch (const std::exception& problem) {
      give_up(problem.what());
      return false;
    }
  }

  std::string as_crash_if_splat(const std::string& line) {
    if (greeted_ && splat_.empty()) return line;
    Json word = Json::parse(line);
    if (!std::exchange(greeted_, true) && word.contains("hello") &&
        word["hello"].value("kernel", "") != release_)
      return Json{
          {"broken", "the image says " + release_ + " but " + word["hello"].value("kernel", "") + " runs"}}
          .dump();
    if (splat_.empty() || !word.contains("outcome")) return line;
    Outcome outcome = outcome_from_json(word["outcome"]);
    outcome.verdict = Verdict::crash;
    outcome.reason = "the kernel logged: " + std::exchange(splat_, "");
    word["outcome"] = json_from_outcome(outcome);
    return word.dump();
  }

  void give_up(const std::string& why) {
    if (why_.empty()) why_ = why;
    qemu_->kill();
  }

  void ended() {
    patience_.cancel();
    // Not every boot under emulation succeeds on a busy host: the timers it is checked by are late.
    if (!greeted_ && !silenced_ && why_.empty() && boots_ < kBoots)
      return asio::post(context_, [this, alive = std::weak_ptr<int>(alive_)] {
        if (alive.lock()) boot();
      });
    if (const auto splat = find_splat(console_.read().substr(told_until_)))
      why_ = "the kernel logged: " + *splat;
    // A machine that froze, or that somebody ended, has lost no more than its answer, and not necessarily by
    // the case that ran: the pool runs what it had in hand again, one by one.
    else if (why_.empty() && !greeted_)
      why_ = "the virtual machine ended; the last it logged: " + tail(console_.read(), 5);
    on_end_(why_);
  }

  asio::io_context& context_;
  asio::steady_timer patience_;  // with a boot
  unsigned boots_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // for what is posted to the context
  std::string release_;
  OnLine on_line_;
  OnEnd on_end_;
  std::shared_ptr<MemoryFile> disk_;
  MemoryFile console_;
  std::function<void(const Json&, const Json&)> on_counts_;
  Json counts_;                       // of the case whose answer comes next
  std::string start_;                 // the payload of the first frame
  std::vector<std::string> command_;  // of QEMU
  std::unique_ptr<WorkerProcess> qemu_;
  bool greeted_ = false;
  bool silenced_ = false;  // ended by the host because it said nothing any more
  std::string splat_;      // of the case whose answer comes next
  size_t told_until_ =
      0;             // where the console was at the last answer: the rest is about the case that ran then
  std::string why_;  // why it ends
};

}  // namespace

std::unique_ptr<WorkerChannel> start_vm_program(boost::asio::io_context& context, const Machine& machine,
                                                VmProgram program, WorkerChannel::OnLine on_line,
                                                WorkerChannel::OnEnd on_end) {
  return std::make_unique<VmWorker>(context, machine, std::move(program), std::move(on_line),
                                    std::move(on_end));
}

std::unique_ptr<WorkerChannel> start_vm_worker(boost::asio::io_context& context, const Machine& machine,
                                               const std::string& fs, const WorkerOptions& options,
                                               WorkerChannel::OnLine on_line, WorkerChannel::OnEnd on_end,
                                               CountedRun counted) {
  WorkerOptions inside = options;
  inside.sandbox.disposable = true;
  VmProgram program;
  if (!fs.empty() && fs != "tmpfs") {
    program.fs = fs;
    program.owned = make_disk(fs);
    program.drives = {{program.owned.get()}};
    inside.sandbox.scratch = "/disk";
  }
  program.arguments = worker_arguments(inside);
  program.faults = inside.faults;
  if (counted.counters)
    program.on_counts = [counted](const Json& counts, const Json& line) {
      if (counts.contains("files")) return counted.counters->introduce(counts);
      counted.counters->add(counted.subject, line.at("outcome").at("case").get<std::string>(), counts);
    };
  return start_vm_program(context, machine, std::move(program), std::move(on_line), std::move(on_end));
}

bool boots(const Machine& machine, std::chrono::seconds limit) {
  boost::asio::io_context context;
  bool said = false;
  WorkerOptions options;
  options.subject = "kernel";
  options.sandbox.privilege = Privilege::root;
  const auto worker = start_vm_worker(
      context, machine, "", options,
      [&](const std::string&) {
        said = true;
        context.stop();
      },
      [](const std::string&) {});
  context.run_for(limit);
  return said;
}

}  // namespace ovlcheck
