#include "harness/ops/child.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "harness/ops/fd.h"

namespace ovlcheck {
namespace {

struct Pipe {
  Fd read, write;
};

Sys<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Kills the child, unless it was waited for.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ <= 0) return;
    if (::kill(pid_, SIGKILL) == 0) (void)wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Sys<int> wait() {
    int status = 0;
    pid_t got = 0;
    do got = ::waitpid(pid_, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return failed(errno);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// Reads what is there; closes `from` at its end.
void drain(Fd& from, std::string& into) {
  std::array<char, 16384> buffer;
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got <= 0) {
    if (got == 0 || (errno != EINTR && errno != EAGAIN)) from.reset();
    return;
  }
  into.append(buffer.data(), std::min(static_cast<size_t>(got), kKeptOutput - into.size()));
}

// Until the child has ended and its pipes have nothing more to say; a grandchild that keeps a pipe open does
// not hold us up.
Sys<void> collect(int process, Fd& out, Fd& err, ExecResult& result) {
  bool ended = false;
  while (!ended || out || err) {
    pollfd polled[3] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {ended ? -1 : process, POLLIN, 0}};
    const int ready = ::poll(polled, 3, ended ? 0 : -1);
    if (ready < 0 && errno != EINTR) return failed(errno);
    if (ready == 0) break;
    if (polled[0].revents != 0) drain(out, result.out);
    if (polled[1].revents != 0) drain(err, result.err);
    if (polled[2].revents != 0) ended = true;
  }
  return {};
}

[[noreturn]] void be_child(const Pipe& in, const Pipe& out, const Pipe& err, const Pipe& failure,
                           const std::function<int()>& prepare, const std::function<void()>& execute) {
  // What the harness ignores, programs expect as it comes.
  (void)::signal(SIGPIPE, SIG_DFL);
  (void)::signal(SIGIO, SIG_DFL);
  int error = 0;
  if (::dup2(in.read.get(), 0) < 0 || ::dup2(out.write.get(), 1) < 0 || ::dup2(err.write.get(), 2) < 0)
    error = errno;
  if (error == 0) error = prepare();
  if (error == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) error = errno;
  if (error == 0) {
    execute();
    error = errno;
  }
  // If even this fails the parent takes the exit status.
  if (::write(failure.write.get(), &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Sys<ExecResult> run_child(const std::function<int()>& prepare, const std::function<void()>& execute) {
  auto in = make_pipe(), out = make_pipe(), err = make_pipe(), failure = make_pipe();
  for (const auto* made : {&in, &out, &err, &failure})
    if (!*made) return failed(made->error());

  const pid_t pid = ::fork();
  if (pid < 0) return failed(errno);
  if (pid == 0) be_child(*in, *out, *err, *failure, prepare, execute);
  Child child(pid);
  for (Fd* end : {&in->write, &in->read, &out->write, &err->write, &failure->write}) end->reset();

  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return failed(errno);
  ExecResult result;
  if (const auto ok = collect(process.get(), out->read, err->read, result); !ok) return failed(ok.error());
  const auto status = child.wait();
  if (!status) return failed(status.error());
  result.status = *status;
  int error = 0;
  const ssize_t told = ::read(failure->read.get(), &error, sizeof error);
  if (told < 0) return failed(errno);
  if (told == sizeof error) return failed(error);
  return result;
}

}  // namespace ovlcheck
