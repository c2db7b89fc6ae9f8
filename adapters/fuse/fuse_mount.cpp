#include "adapters/fuse/fuse_mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mount.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "adapters/fuse/command.h"
#include "harness/ops/kernel_vfs.h"

namespace ovlcheck {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kDyingLimit(1000);

// Which mount a directory belongs to. Kernels before 5.8 leave `mount` 0, then the device tells.
struct Identity {
  uint64_t mount = 0;
  unsigned major = 0, minor = 0;
  bool operator==(const Identity&) const = default;
};

// Never asks the file system itself: a daemon that hangs must not hang the harness.
Sys<Identity> identity(int dir, const std::string& name) {
  struct statx st;
  if (::statx(dir, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID,
              &st) != 0)
    return failed(errno);
  return Identity{st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0, st.stx_dev_major, st.stx_dev_minor};
}

// The errno whose text the program printed: that is all a program tells about a failed mount.
int errno_in(const std::string& words) {
  constexpr int last = EHWPOISON;
  for (int error = 1; error <= last; ++error) {
    const char* text = ::strerrordesc_np(error);
    if (text != nullptr && words.find(text) != std::string::npos) return error;
  }
  return EIO;
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  return text;
}

// ": " and the end of what was said, or nothing.
std::string quoted(std::string words) {
  constexpr size_t most = 2000;
  words = trimmed(std::move(words));
  if (words.size() > most) words = "..." + words.substr(words.size() - most);
  return words.empty() ? "" : ": " + words;
}

// Calls `on_expiry` from another thread unless destroyed within `limit`.
class Watchdog {
 public:
  Watchdog(milliseconds limit, std::function<void()> on_expiry)
      : thread_([this, limit, on_expiry = std::move(on_expiry)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_for(lock, stop, limit, [&] { return stop.stop_requested(); })) on_expiry();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

class FuseMount : public Mount {
 public:
  FuseMount(const Descriptor& descriptor, const LayerDirs& dirs, const FuseLimits& limits,
            std::unique_ptr<Daemon> daemon)
      : descriptor_(descriptor),
        path_(dirs.path + "/" + dirs.merged),
        limits_(limits),
        daemon_(std::move(daemon)),
        merged_name_(dirs.merged),
        dir_(::fcntl(dirs.dir, F_DUPFD_CLOEXEC, 0)) {}
  ~FuseMount() override;
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;

  Vfs& vfs() override { return *vfs_; }
  int directory() override { return root_.get(); }
  Sys<void> unmount() override;
  std::optional<std::string> died(bool broken) override;

  // Waits until the mount is there, then until it answers.
  tl::expected<void, MountError> come_up(const Identity& before, const Fd& mount_table);

 private:
  tl::expected<void, MountError> appear(const Identity& before, const Fd& mount_table,
                                        Clock::time_point deadline);
  tl::expected<void, MountError> answer(Clock::time_point deadline);
  MountError error(int number, const std::string& what) const;
  MountError ended() const;
  Sys<void> detach();
  bool answers() const;
  void abort_connection() const;

  Descriptor descriptor_;
  std::string path_;
  FuseLimits limits_;
  std::unique_ptr<Daemon> daemon_;
  std::string merged_name_;
  Fd dir_;
  Identity identity_;
  bool mounted_ = false;
  size_t said_before_ = 0;  // bytes of output that are about mounting
  Fd root_;
  std::unique_ptr<Vfs> vfs_;
};

MountError FuseMount::error(int number, const std::string& what) const {
  return {number, descriptor_.name + " " + what + quoted(daemon_->said())};
}

MountError FuseMount::ended() const {
  const std::optional<int> status = daemon_->status();
  return error(errno_in(daemon_->said()), status ? describe_end(*status) : "ended");
}

tl::expected<void, MountError> FuseMount::come_up(const Identity& before, const Fd& mount_table) {
  const auto deadline = Clock::now() + limits_.mount;
  if (auto ok = appear(before, mount_table, deadline); !ok) return ok;
  mounted_ = true;
  if (auto ok = answer(deadline); !ok) return ok;
  said_before_ = daemon_->said().size();
  return {};
}

// The kernel announces a change of the mount table on /proc/self/mountinfo, so that nothing is lost by
// sleeping; the limit of each wait only guards against a kernel that does not.
tl::expected<void, MountError> FuseMount::appear(const Identity& before, const Fd& mount_table,
                                                 Clock::time_point deadline) {
  constexpr milliseconds longest(20);
  for (;;) {
    const bool over = daemon_->has_ended() && daemon_->wait(milliseconds(0));
    const auto now = identity(dir_.get(), merged_name_);
    if (!now) return tl::unexpected(error(now.error(), "left no mount point"));
    if (*now != before) {
      identity_ = *now;
      return {};
    }
    if (over) return tl::unexpected(ended());
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0)
      return tl::unexpected(
          error(ETIMEDOUT, fmt::format("did not mount within {} ms", limits_.mount.count())));
    pollfd events[] = {{.fd = mount_table.get(), .events = POLLPRI},
                       {.fd = daemon_->pidfd(), .events = POLLIN}};
    // A failed poll only means to look again.
    (void)::poll(events, std::size(events), static_cast<int>(std::min(left, longest).count()));
  }
}

tl::expected<void, MountError> FuseMount::answer(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  // Its death makes the kernel fail whatever waits for an answer.
  const Watchdog watchdog(std::max(left, milliseconds(1)), [this] {
    abort_connection();
    daemon_->kill();
  });
  root_.reset(::openat(dir_.get(), merged_name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int open_error = errno;
  if (!root_) {
    if (daemon_->has_ended() && daemon_->wait(milliseconds(0))) return tl::unexpected(ended());
    return tl::unexpected(error(open_error, "mounted, but its root cannot be opened"));
  }
  auto vfs = open_kernel_vfs(root_.get());
  if (!vfs) return tl::unexpected(error(vfs.error(), "mounted, but its root cannot be entered"));
  vfs_ = std::move(*vfs);
  return {};
}

Sys<void> FuseMount::detach() {
  if (descriptor_.unmount.empty()) {
    if (::umount2(path_.c_str(), UMOUNT_NOFOLLOW) != 0) return failed(errno);
    return {};
  }
  std::vector<std::string> argv;
  for (const std::string& argument : descriptor_.unmount)
    argv.push_back(filled(argument, {{"mount", path_}}));
  auto command = Daemon::start(argv, descriptor_.environment);
  if (!command) return failed(ENOENT);
  if (!(*command)->wait(limits_.unmount)) return failed(ETIMEDOUT);
  if ((*command)->status() != 0) return failed(EBUSY);
  return {};
}

Sys<void> FuseMount::unmount() {
  vfs_->let_go();
  root_.reset();
  if (auto ok = detach(); !ok) return ok;
  mounted_ = false;
  // The layers are complete only when the program is gone.
  if (daemon_->wait(limits_.unmount)) return {};
  daemon_->kill();
  return failed(ETIMEDOUT);
}

std::optional<std::string> FuseMount::died(bool broken) {
  if (!mounted_) return std::nullopt;
  // The connection breaks when the dying process closes it; until it is gone it may yet write a core.
  if (!broken && !daemon_->has_ended()) return std::nullopt;
  // An actor's root and rights would hide the rest of the world.
  if (!go_home()) return descriptor_.name + " ended";
  if (broken && !daemon_->wait(kDyingLimit)) return std::nullopt;
  if (!daemon_->wait(milliseconds(0)) || answers()) return std::nullopt;
  const std::optional<int> status = daemon_->status();
  return descriptor_.name + " " + (status ? describe_end(*status) : "is gone") +
         quoted(daemon_->said(said_before_));
}

// Only called when no process serves the mount any more, so that this does not hang: either the kernel itself
// serves it or every request fails.
bool FuseMount::answers() const {
  struct statx st;
  return identity(dir_.get(), merged_name_) == identity_ &&
         ::statx(dir_.get(), merged_name_.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) == 0;
}

// Where the control file system is not mounted, killing the daemon has to do.
void FuseMount::abort_connection() const {
  std::ofstream(fmt::format("/sys/fs/fuse/connections/{}/abort", identity_.minor)) << "1\n";
}

FuseMount::~FuseMount() {
  if (vfs_) vfs_->let_go();
  if (mounted_) {
    // First the daemon: closing files and unmounting may wait for one that hangs.
    if (descriptor_.filesystem == "fuse") abort_connection();
    daemon_->kill();
  }
  vfs_.reset();
  root_.reset();
  if (mounted_) (void)::umount2(path_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace

tl::expected<std::unique_ptr<Mount>, MountError> mount_by_program(const Descriptor& descriptor,
                                                                  const std::vector<std::string>& argv,
                                                                  const LayerDirs& dirs,
                                                                  const FuseLimits& limits) {
  const auto before = identity(dirs.dir, dirs.merged);
  if (!before)
    return tl::unexpected(MountError{before.error(), "there is no " + dirs.path + "/" + dirs.merged});
  // Opened before the program starts: from now on the kernel keeps changes for poll(2).
  const Fd mount_table(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!mount_table) return tl::unexpected(MountError{errno, "/proc is not mounted"});
  auto daemon = Daemon::start(argv, descriptor.environment);
  if (!daemon) return tl::unexpected(MountError{ENOENT, daemon.error()});
  auto mount = std::make_unique<FuseMount>(descriptor, dirs, limits, std::move(*daemon));
  if (auto ok = mount->come_up(*before, mount_table); !ok) return tl::unexpected(ok.error());
  return mount;
}

}  // namespace ovlcheck
