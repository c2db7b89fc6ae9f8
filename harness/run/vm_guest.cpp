#include "harness/run/vm_guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>

#include "adapters/vm/frame.h"
#include "adapters/vm/machine.h"
#include "adapters/vm/splat.h"
#include "harness/case/json.h"
#include "harness/ops/fd.h"
#include "harness/run/guest_counters.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

constexpr int kTick = 2000;  // milliseconds

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

void mount_one(const char* type, const std::string& target) {
  if (mount(type, target.c_str(), type, 0, nullptr) != 0) broken(std::string("mount ") + type);
}

// A module that does not load (hardware it has not got) is named on the console; what needs it says so
// itself.
void load_modules() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("/modules")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    Fd module(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!module || (syscall(SYS_finit_module, module.get(), "", 0) != 0 && errno != EEXIST))
      std::fprintf(stderr, "vm-init: %s: %s\n", file.c_str(), std::strerror(errno));
  }
}

// The root of an initramfs cannot be pivoted away from, which workers do.
void move_to_tmpfs() {
  mount_one("tmpfs", "/root");
  for (const char* directory : {"dev", "proc", "sys", "tmp", "mnt", "run", "var", "disk"})
    if (mkdir((std::string("/root/") + directory).c_str(), 0755) != 0) broken(directory);
  fs::copy("/bin", "/root/bin");
  if (chdir("/root") != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0)
    broken("switch to the tmpfs");
  mount_one("proc", "/proc");
  mount_one("sysfs", "/sys");
  mount_one("devtmpfs", "/dev");
}

// The port of the host; the driver announces it a moment after it is loaded.
Fd open_port() {
  for (int attempt = 0; attempt < 500; ++attempt) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator("/sys/class/virtio-ports", none)) {
      std::string name;
      std::ifstream(entry.path() / "name") >> name;
      if (name == kPortName)
        return Fd(open(("/dev/" + entry.path().filename().string()).c_str(), O_RDWR | O_CLOEXEC));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error(
      "no virtio port: the kernel needs virtio_pci and virtio_console, built in or as modules");
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) broken("write");
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
}

// Splits what is read from a descriptor into lines.
class LineReader {
 public:
  // Reads once and hands out whole lines; false at end of file.
  template <class F>
  bool read_some(int fd, F&& on_line) {
    std::array<char, 65536> chunk;
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (n <= 0) return false;
    buffer_.append(chunk.data(), static_cast<size_t>(n));
    size_t start = 0;
    for (size_t end; (end = buffer_.find('\n', start)) != std::string::npos; start = end + 1)
      on_line(buffer_.substr(start, end - start));
    buffer_.erase(0, start);
    return true;
  }

 private:
  std::string buffer_;
};

// What the kernel logs from the moment this is made.
class KernelLog {
 public:
  KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (!fd_ || lseek(fd_.get(), 0, SEEK_END) < 0) broken("/dev/kmsg");
  }

  // Since the last call; one record is "priority,number,time,flags;text\n KEY=value\n".
  std::string news() {
    std::string text;
    std::array<char, 8192> record;
    for (;;) {
      const ssize_t n = read(fd_.get(), record.data(), record.size());
      if (n < 0 && errno == EPIPE) continue;  // some were lost: the buffer is a ring
      if (n <= 0) return text;
      std::string_view line(record.data(), static_cast<size_t>(n));
      line.remove_prefix(std::min(line.find(';') + 1, line.size()));
      text += std::string(line.substr(0, line.find('\n'))) + "\n";
    }
  }

 private:
  Fd fd_;
};

// Every allocation may be refused to a thread that asks for it, without words: they would look like faults
// of the kernel.
void allow_faults() {
  mount_debugfs();
  for (const auto& [name, value] :
       std::map<std::string, const char*>{{"failslab/ignore-gfp-wait", "N"},
                                          {"failslab/verbose", "0"},
                                          {"fail_page_alloc/ignore-gfp-wait", "N"},
                                          {"fail_page_alloc/min-order", "0"},
                                          {"fail_page_alloc/verbose", "0"}}) {
    std::ofstream file("/sys/kernel/debug/" + name);
    if (!(file << value << std::flush))
      throw std::runtime_error("this kernel cannot refuse memory: it has no " + name +
                               " (CONFIG_FAULT_INJECTION_DEBUG_FS)");
  }
}

// A started worker.
struct Child {
  pid_t pid = -1;
  Fd input, output;
};

Child start_child(const std::vector<std::string>& arguments) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) broken("pipe");
  Child child{-1, Fd(in[1]), Fd(out[0])};
  Fd their_input(in[0]), their_output(out[1]);
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), "ovlcheck");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  child.pid = fork();
  if (child.pid < 0) broken("fork");
  if (child.pid == 0) {
    if (dup2(their_input.get(), STDIN_FILENO) >= 0 && dup2(their_output.get(), STDOUT_FILENO) >= 0)
      (void)execv("/bin/ovlcheck", argv.data());
    _exit(127);
  }
  return child;
}

class Bridge {
 public:
  explicit Bridge(int port) : port_(port) {}

  void run() {
    const Json start = wait_for_start();
    const std::string disk = start.at("fs").get<std::string>();
    if (!disk.empty() && mount("/dev/vda", "/disk", disk.c_str(), 0, nullptr) != 0) return say_missing(disk);
    if (start.at("faults").get<bool>()) allow_faults();
    if (start.at("counters").get<bool>()) {
      counters_.emplace();
      say(FrameKind::counts, counters_->files());
    }
    worker_ = start_child(start.at("arguments").get<std::vector<std::string>>());
    carry();
  }

  void say(FrameKind kind, std::string_view payload) const { write_all(port_, to_line(kind, payload)); }

 private:
  void take(const std::string& line) {
    auto frame = frame_from_line(line);
    if (!frame) throw std::runtime_error("a damaged line came into the virtual machine");
    frames_.push_back(std::move(*frame));
  }

  Json wait_for_start() {
    while (frames_.empty())
      if (!from_host_.read_some(port_, [this](const std::string& line) { take(line); }))
        throw std::runtime_error("the host is gone");
    const Frame first = std::move(frames_.front());
    frames_.pop_front();
    if (first.kind != FrameKind::start) throw std::runtime_error("the host speaks out of turn");
    return Json::parse(first.payload);
  }

  void say_missing(const std::string& disk) const {
    const std::string why = "this kernel cannot mount " + disk + ": " + std::strerror(errno);
    struct utsname system;
    if (uname(&system) != 0) broken("uname");
    say(FrameKind::line, Json{{"hello",
                               {{"kernel", system.release},
                                {"privilege", ""},
                                {"fs", disk},
                                {"mapped_uids", false},
                                {"version", ""},
                                {"missing", why}}}}
                             .dump());
    pause_for_host();
  }

  // The machine may not vanish before the host has read the last line.
  void pause_for_host() const { std::this_thread::sleep_for(std::chrono::milliseconds(200)); }

  void carry() {
    bool alive = true;
    while (alive) {
      feed();
      pollfd events[] = {{port_, POLLIN, 0}, {worker_.output.get(), POLLIN, 0}};
      const int ready = poll(events, 2, kTick);
      if (ready < 0 && errno != EINTR) broken("poll");
      if (ready == 0) say(FrameKind::tick, "");
      if (events[0].revents && !from_host_.read_some(port_, [this](const std::string& line) { take(line); }))
        return;  // the host is gone
      if (events[1].revents)
        alive =
            from_worker_.read_some(worker_.output.get(), [this](const std::string& line) { answer(line); });
    }
    int status = 0;
    while (waitpid(worker_.pid, &status, 0) < 0)
      if (errno != EINTR) broken("waitpid");
    if (busy_ && WIFSIGNALED(status))
      say(FrameKind::broken, std::string("the worker was killed: ") + strsignal(WTERMSIG(status)));
    pause_for_host();
  }

  // Gives the worker its next request once it has answered the last.
  void feed() {
    if (busy_ || frames_.empty()) return;
    const Frame frame = std::move(frames_.front());
    frames_.pop_front();
    if (frame.kind == FrameKind::end) return worker_.input.reset();
    (void)log_.news();
    if (counters_) counters_->reset();
    write_all(worker_.input.get(), frame.payload + "\n");
    busy_ = true;
  }

  void answer(const std::string& line) {
    if (const auto splat = find_splat(log_.news())) say(FrameKind::splat, Json(*splat).dump());
    if (counters_ && !greeting_) say(FrameKind::counts, counters_->counts());
    say(FrameKind::line, line);
    busy_ = greeting_ = false;
  }

  int port_;
  KernelLog log_;
  LineReader from_host_, from_worker_;
  std::deque<Frame> frames_;
  Child worker_;
  std::optional<GuestCounters> counters_;
  bool busy_ = true, greeting_ = true;  // until its first line, which nobody asks for
};

void serve() {
  mount_one("proc", "/proc");
  mount_one("sysfs", "/sys");
  mount_one("devtmpfs", "/dev");
  load_modules();
  move_to_tmpfs();
  (void)signal(SIGPIPE, SIG_IGN);
  const Fd port = open_port();
  if (!port) broken("open the virtio port");
  Bridge bridge(port.get());
  try {
    bridge.run();
  } catch (const std::exception& problem) {
    bridge.say(FrameKind::broken, problem.what());
  }
}

}  // namespace

int run_vm_guest() {
  if (getpid() != 1) {
    std::fprintf(stderr, "ovlcheck: vm-init is for process 1 of a virtual machine\n");
    return 2;
  }
  try {
    serve();
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "vm-init: %s\n", problem.what());
  }
  sync();
  (void)reboot(RB_AUTOBOOT);
  return 3;
}

}  // namespace ovlcheck
