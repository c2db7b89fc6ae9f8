#include "adapters/userspace/userlay/faults/tracer.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

namespace userlay::faults {
namespace {

// Newer than the C library: numbers are the same on every architecture.
constexpr long kFchmodat2 = 452, kSetxattrat = 463, kGetxattrat = 464, kListxattrat = 465,
               kRemovexattrat = 466;

struct Named {
  long call;
  const char* name;
};
constexpr Named kNames[] = {
#define CALL(name) \
  { SYS_##name, #name }
    CALL(openat),
    CALL(close),
    CALL(read),
    CALL(pread64),
    CALL(write),
    CALL(pwrite64),
    CALL(lseek),
    CALL(fstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(readlinkat),
    CALL(getdents64),
    CALL(mkdirat),
    CALL(mknodat),
    CALL(symlinkat),
    CALL(linkat),
    CALL(unlinkat),
    CALL(renameat2),
    CALL(fchmod),
    CALL(fchmodat),
    CALL(fchownat),
    CALL(utimensat),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fsync),
    CALL(fdatasync),
    CALL(syncfs),
    CALL(copy_file_range),
    CALL(sendfile),
    CALL(ioctl),
    CALL(getxattr),
    CALL(lgetxattr),
    CALL(fgetxattr),
    CALL(setxattr),
    CALL(lsetxattr),
    CALL(fsetxattr),
    CALL(listxattr),
    CALL(llistxattr),
    CALL(flistxattr),
    CALL(removexattr),
    CALL(lremovexattr),
    CALL(fremovexattr),
    CALL(name_to_handle_at),
    CALL(open_by_handle_at),
    CALL(fstatfs),
    CALL(fcntl),
#undef CALL
    {kFchmodat2, "fchmodat2"},
    {kSetxattrat, "setxattrat"},
    {kGetxattrat, "getxattrat"},
    {kListxattrat, "listxattrat"},
    {kRemovexattrat, "removexattrat"}};

// What is not about files.
constexpr long kUnwatched[] = {SYS_mmap,           SYS_munmap,        SYS_mremap,      SYS_mprotect,
                               SYS_madvise,        SYS_brk,           SYS_futex,       SYS_rt_sigaction,
                               SYS_rt_sigprocmask, SYS_rt_sigreturn,  SYS_tgkill,      SYS_gettid,
                               SYS_getpid,         SYS_clock_gettime, SYS_getrandom,   SYS_capget,
                               SYS_geteuid,        SYS_getegid,       SYS_getuid,      SYS_getgid,
                               SYS_getgroups,      SYS_exit_group,    SYS_sched_yield, SYS_restart_syscall};

template <class List>
bool holds(const List& list, long call) {
  return std::find(std::begin(list), std::end(list), call) != std::end(list);
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int error_of(Fault fault) {
  if (fault == Fault::kEnospc) return ENOSPC;
  return fault == Fault::kEintr ? EINTR : EIO;
}

#ifdef __x86_64__
constexpr bool kKnownMachine = true;

class Registers {
 public:
  explicit Registers(pid_t child) : child_(child) {
    if (::ptrace(PTRACE_GETREGS, child_, nullptr, &all_) < 0) fail("PTRACE_GETREGS");
  }
  void skip_call() { all_.orig_rax = ~0ull; }
  void set_result(long value) { all_.rax = static_cast<unsigned long long>(value); }
  // The number of bytes that the call is to transfer.
  unsigned long long& length(long call) {
    if (call == SYS_copy_file_range) return all_.r8;
    return call == SYS_sendfile ? all_.r10 : all_.rdx;
  }
  void store() {
    if (::ptrace(PTRACE_SETREGS, child_, nullptr, &all_) < 0) fail("PTRACE_SETREGS");
  }

 private:
  pid_t child_;
  user_regs_struct all_{};
};
#else
constexpr bool kKnownMachine = false;

class Registers {
 public:
  explicit Registers(pid_t) {}
  void skip_call() {}
  void set_result(long) {}
  unsigned long long& length(long) { return length_; }
  void store() {}

 private:
  unsigned long long length_ = 0;
};
#endif

// Ends the child unless it has ended.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (ended_) return;
    (void)::kill(pid_, SIGKILL);
    (void)wait();
  }
  pid_t pid() const { return pid_; }

  // The next stop, or the end.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, __WALL) < 0)
      if (errno != EINTR) fail("waitpid");
    ended_ = WIFEXITED(status) || WIFSIGNALED(status);
    return status;
  }
  bool ended() const { return ended_; }

  // Goes on to the next system call, or to the next signal.
  void resume(bool to_system_call, int signal = 0) const {
    if (::ptrace(to_system_call ? PTRACE_SYSCALL : PTRACE_CONT, pid_, nullptr, signal) < 0) fail("ptrace");
  }

 private:
  pid_t pid_;
  bool ended_ = false;
};

class Tracer {
 public:
  Tracer(Child& child, const Point& point) : child_(child), point_(point) {}

  Traced run() {
    for (bool watching = false; !child_.ended();) {
      const int status = child_.wait();
      traced_.status = status;
      if (child_.ended()) break;
      const int signal = WSTOPSIG(status);
      if (signal == (SIGTRAP | 0x80)) {
        if (at_call()) child_.resume(true);
      } else if (signal == SIGSTOP) {
        watching = !watching;
        child_.resume(watching);
      } else {
        child_.resume(watching, signal);
      }
    }
    return std::move(traced_);
  }

 private:
  // False if it was the last one.
  bool at_call() {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, child_.pid(), sizeof info, &info) < 0)
      fail("PTRACE_GET_SYSCALL_INFO");
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && failing_) leave();
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return true;
    const long call = static_cast<long>(info.entry.nr);
    if (holds(kUnwatched, call)) return true;
    traced_.calls.push_back(call);
    if (traced_.calls.size() != point_.call) return true;
    if (point_.fault != Fault::kKill) {
      spoil(call);
      return true;
    }
    if (::kill(child_.pid(), SIGKILL) < 0) fail("kill");
    return false;
  }

  void spoil(long call) {
    Registers registers(child_.pid());
    if (point_.fault == Fault::kShortWrite) {
      auto& length = registers.length(call);
      length = (length + 1) / 2;
    } else {
      failing_ = true;
      if (call != SYS_close) registers.skip_call();
    }
    registers.store();
  }

  void leave() {
    failing_ = false;
    Registers registers(child_.pid());
    registers.set_result(-error_of(point_.fault));
    registers.store();
  }

  Child& child_;
  const Point& point_;
  Traced traced_;
  bool failing_ = false;
};

}  // namespace

const char* fault_name(Fault fault) {
  constexpr const char* kAll[] = {"kill", "EIO", "ENOSPC", "EINTR", "short write"};
  return kAll[static_cast<int>(fault)];
}

void Watched::begin() {
  if (::raise(SIGSTOP) != 0) ::_exit(101);
}
void Watched::end() {
  begin();  // the tracer takes turns
}

bool can_trace() {
  if (!kKnownMachine) return false;
  try {
    const auto traced = run_traced({}, [] {
      Watched::begin();
      (void)::close(-1);
      Watched::end();
      return 0;
    });
    return traced.calls == std::vector<long>{SYS_close};
  } catch (const std::system_error&) {
    return false;
  }
}

Traced run_traced(const Point& point, const std::function<int()>& code) {
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0 || ::raise(SIGTRAP) != 0) ::_exit(102);
    ::_exit(code());
  }
  Child child(pid);
  if (!WIFSTOPPED(child.wait())) throw std::system_error(EPERM, std::generic_category(), "PTRACE_TRACEME");
  if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
    fail("PTRACE_SETOPTIONS");
  child.resume(false);
  return Tracer(child, point).run();
}

bool can_be_short(long call) {
  return call == SYS_write || call == SYS_pwrite64 || call == SYS_copy_file_range || call == SYS_sendfile;
}

std::string call_name(long call) {
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const Named& named) { return named.call == call; });
  return found == std::end(kNames) ? "call " + std::to_string(call) : found->name;
}

}  // namespace userlay::faults
