#include "harness/run/forked_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace ovlcheck {
namespace {

[[noreturn]] void broken(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

ForkedProcess::ForkedProcess(const std::function<int(int out)>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) broken("pipe");
  reader_ = Fd(ends[0]);
  Fd writer(ends[1]);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) broken("fork");
  if (process_ != 0) return;
  reader_.reset();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) _exit(3);
  _exit(body(writer.get()));
}

ForkedProcess::~ForkedProcess() {
  if (process_ <= 0) return;
  (void)::kill(process_, SIGKILL);  // what is in its namespaces goes with it
  (void)::waitpid(process_, nullptr, 0);
}

bool ForkedProcess::read(const std::function<void(const Json&)>& on_line) {
  char buffer[65536];
  const ssize_t n = ::read(reader_.get(), buffer, sizeof buffer);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) return false;
  text_.append(buffer, static_cast<size_t>(n));
  size_t start = 0;
  for (size_t end; (end = text_.find('\n', start)) != std::string::npos; start = end + 1)
    on_line(Json::parse(text_.substr(start, end - start)));
  text_.erase(0, start);
  return true;
}

std::string ForkedProcess::wait() {
  int status = 0;
  if (::waitpid(process_, &status, 0) != process_) broken("waitpid");
  process_ = -1;
  if (WIFSIGNALED(status)) return std::string("killed by ") + ::strsignal(WTERMSIG(status));
  // A sandbox passes signals on as statuses.
  const int code = WEXITSTATUS(status);
  if (code > 128) return std::string("killed by ") + ::strsignal(code - 128);
  return code == 0 ? "" : "status " + std::to_string(code);
}

void tell(int out, const Json& word) {
  const std::string line = word.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(out, line.data() + done, line.size() - done);
    if (n < 0 && errno != EINTR) _exit(3);
    if (n > 0) done += static_cast<size_t>(n);
  }
}

}  // namespace ovlcheck
