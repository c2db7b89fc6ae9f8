#include "adapters/fuse/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/process.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ovlcheck {
namespace {

namespace bp = boost::process;
using Clock = std::chrono::steady_clock;

constexpr size_t kOutputLimit = 64 * 1024;
constexpr const char* kToken = "OVLCHECK_DAEMON";
constexpr std::chrono::seconds kDeathLimit(2);  // for a killed process to be gone

// A file in memory that takes a program's output and refuses what exceeds it: nobody has to drain it, and no
// program can fill the memory or block on it.
tl::expected<Fd, std::string> output_file() {
  Fd fd(::memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::ftruncate(fd.get(), kOutputLimit) != 0 || ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW) != 0)
    return tl::unexpected(std::string("memfd_create: ") + std::strerror(errno));
  return fd;
}

Fd open_pidfd(int pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::string new_token() {
  static int count = 0;
  return std::to_string(::getpid()) + "." + std::to_string(++count);
}

bool has_token(const std::filesystem::path& process, const std::string& token) {
  std::ifstream file(process / "environ", std::ios::binary);
  std::string variable;
  const std::string wanted = std::string(kToken) + "=" + token;
  while (std::getline(file, variable, '\0'))
    if (variable == wanted) return true;
  return false;
}

// The process id of a /proc entry, 0 for the others.
int process_id(const std::filesystem::path& entry) {
  const std::string name = entry.filename().string();
  return name.find_first_not_of("0123456789") == std::string::npos ? std::stoi(name) : 0;
}

// A process other than `except` with that token in its environment, 0 if there is none.
int find_process(const std::string& token, int except) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const int pid = process_id(entry.path());
    if (pid != 0 && pid != except && has_token(entry.path(), token)) return pid;
  }
  return 0;
}

bool readable(int fd, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wanted = {.fd = fd, .events = POLLIN};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "ended by signal " + std::to_string(WTERMSIG(wait_status));
  return "ended with exit status " + std::to_string(WEXITSTATUS(wait_status));
}

std::string find_program(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    std::error_code unknown;
    const auto own = std::filesystem::read_symlink("/proc/self/exe", unknown);
    const auto beside = own.parent_path() / name;
    if (!unknown && ::access(beside.c_str(), X_OK) == 0) return beside.string();
    return bp::search_path(name).string();
  }
  return ::access(name.c_str(), X_OK) == 0 ? name : "";
}

tl::expected<std::unique_ptr<Daemon>, std::string> Daemon::start(
    const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment) {
  const std::string program = find_program(argv.front());
  if (program.empty()) return tl::unexpected(argv.front() + " is not there");
  auto output = output_file();
  if (!output) return tl::unexpected(output.error());

  const std::string token = new_token();
  bp::environment variables = boost::this_process::environment();
  for (const auto& [name, value] : environment) variables[name] = value;
  variables[kToken] = token;

  std::error_code error;
  bp::child child(bp::exe = program, bp::args = std::vector<std::string>(argv.begin() + 1, argv.end()),
                  bp::env = variables, bp::start_dir = "/", bp::std_in < bp::null,
                  bp::posix::fd.bind(STDOUT_FILENO, output->get()),
                  bp::posix::fd.bind(STDERR_FILENO, output->get()), error);
  if (error) return tl::unexpected(program + ": " + error.message());
  const int pid = child.id();
  child.detach();
  Fd pidfd = open_pidfd(pid);
  return std::unique_ptr<Daemon>(new Daemon(pid, std::move(pidfd), std::move(*output), token));
}

Daemon::Daemon(int pid, Fd pidfd, Fd output, std::string token)
    : pid_(pid), pidfd_(std::move(pidfd)), output_(std::move(output)), token_(std::move(token)) {}

Daemon::~Daemon() {
  if (has_ended() && wait(std::chrono::milliseconds(0))) return;
  kill();
  (void)ends_within(kDeathLimit);
  // It may have been about to leave a process in the background.
  while (const int pid = find_process(token_, pid_)) {
    const Fd other = open_pidfd(pid);
    (void)::syscall(SYS_pidfd_send_signal, other.get(), SIGKILL, nullptr, 0);
    if (!other || !readable(other.get(), kDeathLimit)) break;
  }
}

void Daemon::kill() {
  if (ended_) return;
  // ESRCH: it has just ended by itself, as wished.
  (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

bool Daemon::ends_within(std::chrono::milliseconds limit) {
  if (ended_) return true;
  if (!readable(pidfd_.get(), limit)) return false;
  ended_ = true;
  int status = 0;
  status_ = ::waitpid(pid_, &status, WNOHANG) == pid_ ? std::optional<int>(status) : std::nullopt;
  return true;
}

bool Daemon::has_ended() {
  return ends_within(std::chrono::milliseconds(0));
}

bool Daemon::wait(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  do {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (!ends_within(std::max(left, std::chrono::milliseconds(0)))) return false;
  } while (follow());
  return true;
}

// Goes over to the process that a parent which ended well left in the background.
bool Daemon::follow() {
  if (followed_ || status_ != 0) return false;
  followed_ = true;
  const int pid = find_process(token_, pid_);
  Fd pidfd = pid == 0 ? Fd() : open_pidfd(pid);
  if (!pidfd) return false;
  pid_ = pid;
  pidfd_ = std::move(pidfd);
  ended_ = false;
  status_.reset();
  return true;
}

std::string Daemon::said(size_t from) const {
  std::string text(kOutputLimit, '\0');
  const ssize_t size = ::pread(output_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  text.resize(std::min(text.size(), text.find('\0')));
  return from < text.size() ? text.substr(from) : "";
}

}  // namespace ovlcheck
