#include "adapters/userspace/daemon/loop.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

#include "adapters/userspace/daemon/channel.h"
#include "adapters/userspace/userlay/fd.h"

namespace userlay {
namespace {

constexpr std::size_t kMostThreads = 10;
// After a request was found waiting for another's answer, so many are answered side by side.
constexpr int kCrowdLasts = 64;
// Interrupts the reading thread when the session is to end.
constexpr int kWakeUp = SIGUSR1;

// Requests that may copy a large file up or wait for a disk.
bool may_take_long(const fuse_buf& buffer) {
  fuse_in_header header;
  std::memcpy(&header, buffer.mem, std::min(sizeof header, buffer.size));
  switch (header.opcode) {
    case FUSE_OPEN: {
      fuse_open_in open;
      if (buffer.size < sizeof header + sizeof open) return true;
      std::memcpy(&open, static_cast<const char*>(buffer.mem) + sizeof header, sizeof open);
      return (open.flags & O_ACCMODE) != O_RDONLY;
    }
    case FUSE_LOOKUP:
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_GETATTR:
    case FUSE_READLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_SYMLINK:
    case FUSE_CREATE:
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_STATFS:
    case FUSE_RELEASE:
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_INIT:
    case FUSE_OPENDIR:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
    case FUSE_RELEASEDIR:
    case FUSE_INTERRUPT:
      return false;
    default:
      return true;
  }
}

// Signals that end the session; the thread that waits for its end takes them.
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// Looks for the next request for a moment before its reader goes to sleep: whoever has just got an answer
// mostly asks again, and then nobody needs to be woken, which takes longer than the answer does. Where that
// was in vain of late, or there is but one core to share, it is rarely tried.
class ShortWait {
 public:
  explicit ShortWait(int fd) : fd_(fd), rare_(std::thread::hardware_concurrency() < 2) {}

  void wait() {
    if (rare_ && ++left_out_ % kRarely != 0) return;
    const auto end = std::chrono::steady_clock::now() + kMoment;
    do {
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 0) > 0) return succeeded();
    } while (std::chrono::steady_clock::now() < end);
    if (--patience_ < 0) rare_ = true;
  }

 private:
  static constexpr std::chrono::microseconds kMoment{20};
  static constexpr int kMostPatience = 16;
  static constexpr unsigned kRarely = 64;

  void succeeded() {
    rare_ = false;
    patience_ = std::min(std::max(patience_, 0) + 1, kMostPatience);
  }

  const int fd_;
  bool rare_;
  int patience_ = 1;  // so often in a row it may be in vain
  unsigned left_out_ = 0;
};

// Threads of which one, the reader, waits for requests. It answers them itself as long as it is the only one
// at work, so that a process that waits for each of its answers is always served by the same thread; several
// threads that wait for requests would be woken in turn, each on a core of its own. A reader that falls
// behind hands reading on before it goes to work, and so does one before a request that may take long.
class Threads {
 public:
  Threads(fuse_session* session, Fd end)
      : session_(session), soon_(fuse_session_fd(session)), end_(std::move(end)) {}
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int run() {
    const sigset_t blocked = ending_signals();
    sigset_t before;
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);  // fails only for bad arguments
    struct sigaction nothing {};
    nothing.sa_handler = [](int) {};
    struct sigaction action_before;
    int result = ::sigaction(kWakeUp, &nothing, &action_before) == 0 ? 0 : -errno;
    if (result == 0) {
      if (start_first()) {
        watch(before);
        result = stop();
      } else {
        result = -EAGAIN;
      }
      (void)::sigaction(kWakeUp, &action_before, nullptr);  // it was valid before
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return result;
  }

 private:
  struct Worker {
    std::thread thread;
    bool in_read = false;
    bool ended = false;
  };

  bool ending() const { return fuse_session_exited(session_) != 0; }

  bool start_first() {
    std::lock_guard lock(mutex_);
    return start_one();
  }

  // With mutex_ held. The new thread goes on reading.
  bool start_one() {
    if (count_ == kMostThreads) return false;
    try {
      Worker& worker = workers_[count_];
      worker.thread = std::thread([this, &worker] { work(worker); });
      ++count_;
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  // With mutex_ held. If there is nobody, the first that has done its work reads again.
  void hand_on() {
    reader_ = nullptr;
    if (waiting_ > 0)
      changed_.notify_one();
    else
      (void)start_one();
  }

  void work(Worker& self) {
    fuse_buf buffer{};
    std::unique_lock lock(mutex_);
    while (!ending()) {
      if (!reader_) reader_ = &self;
      if (reader_ == &self) {
        take(self, buffer, lock);
        continue;
      }
      ++waiting_;
      changed_.wait(lock, [&] { return !reader_ || ending(); });
      --waiting_;
    }
    self.ended = true;
    changed_.notify_all();
    // Only a counter that is full would refuse it, and then the other side is awake already.
    (void)::eventfd_write(end_.get(), 1);
    lock.unlock();
    std::free(buffer.mem);
  }

  // Reads a request, answers it.
  void take(Worker& self, fuse_buf& buffer, std::unique_lock<std::mutex>& lock) {
    self.in_read = true;
    lock.unlock();
    soon_.wait();
    const int got = fuse_session_receive_buf(session_, &buffer);
    lock.lock();
    self.in_read = false;
    if (got == -EINTR || got == -EAGAIN) return;
    if (got <= 0) {
      error_ = got;
      fuse_session_exit(session_);
      return;
    }
    ++taken_;
    if (crowd_ > 0 || working_ > 0 || may_take_long(buffer)) hand_on();
    ++working_;
    lock.unlock();
    fuse_session_process_buf(session_, &buffer);
    lock.lock();
    --working_;
    crowd_ = others_waited() ? kCrowdLasts : std::max(crowd_ - 1, 0);
  }

  // Until the end of the session. For a reader that is still at the request of a second ago another one
  // reads: its layer may be a disk that does not answer.
  void watch(const sigset_t& signals) {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = 0;
    while (!ending()) {
      lock.unlock();
      pollfd end{end_.get(), POLLIN, 0};
      const timespec too_long{1, 0};
      (void)::ppoll(&end, 1, &too_long, &signals);  // whatever it was that ended it, look
      lock.lock();
      if (reader_ && !reader_->in_read && taken_ == seen) hand_on();
      seen = taken_;
    }
  }

  int stop() {
    std::unique_lock lock(mutex_);
    const auto all_ended = [&] {
      return std::all_of(workers_.begin(), workers_.begin() + static_cast<std::ptrdiff_t>(count_),
                         [](const Worker& worker) { return worker.ended; });
    };
    while (!all_ended()) {
      changed_.notify_all();
      // Again and again, as it may be just before its read.
      if (reader_ && reader_->in_read) (void)pthread_kill(reader_->thread.native_handle(), kWakeUp);
      (void)changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
    lock.unlock();
    for (std::size_t i = 0; i < count_; ++i) workers_[i].thread.join();
    return error_;
  }

  fuse_session* const session_;
  ShortWait soon_;  // the reader's
  const Fd end_;    // an eventfd, written to when a thread ends
  std::mutex mutex_;
  std::condition_variable changed_;  // there is no reader, or the session ends
  std::array<Worker, kMostThreads> workers_;
  std::size_t count_ = 0;  // of threads started
  Worker* reader_ = nullptr;
  std::size_t waiting_ = 0;  // threads with nothing to do
  std::size_t working_ = 0;  // threads that answer a request
  int crowd_ = 0;            // so many requests more are answered side by side
  std::uint64_t taken_ = 0;
  int error_ = 0;
};

}  // namespace

int serve_requests(fuse_session* session) {
  Fd end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!end) return -errno;
  return Threads(session, std::move(end)).run();
}

}  // namespace userlay
