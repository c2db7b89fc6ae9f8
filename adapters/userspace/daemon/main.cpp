// userlay: Linux overlayfs as a FUSE file system.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "adapters/userspace/daemon/channel.h"
#include "adapters/userspace/daemon/command_line.h"
#include "adapters/userspace/daemon/loop.h"
#include "adapters/userspace/daemon/operations.h"
#include "adapters/userspace/userlay/userlay.h"

namespace userlay {
namespace {

constexpr const char* kHelp =
    R"(Usage: userlay [-f] [-d] -o lowerdir=DIR[:DIR...][,upperdir=DIR,workdir=DIR][,OPTION...] MOUNTPOINT

Mounts the merged view of directories, as mount -t overlay does, in user space.

  -o OPTIONS   overlayfs's own, by the kernel's names: lowerdir (topmost first, "::" before data-only
               layers), upperdir, workdir, redirect_dir=on|follow|nofollow|off, metacopy=on|off,
               index=on|off, xino=on|off|auto, volatile, userxattr, uuid=...; and FUSE's: allow_other,
               ro, nosuid, nodev, ...
  -f           stay in the foreground
  -d           the same, and tell every request
  -h, --help   this text
  -V, --version

Unmount with umount(8), or fusermount3 -u as an ordinary user. See userlay(8).
)";

int complain(const std::string& message) {
  std::fprintf(stderr, "userlay: %s\n", message.c_str());
  return 1;
}

// Every open file of the mount is one here.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) std::perror("userlay: limit of open files");
}

// Memory grows by a page at a time where each thread has its own, and each page stops all threads for a
// moment. Best effort, as it is about speed only.
void share_memory() {
  (void)mallopt(M_ARENA_MAX, 1);
  (void)mallopt(M_TOP_PAD, 1 << 20);
}

struct SessionDeleter {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

// What libfuse is to be told: the user's options and those without which the mount would not be an overlay.
std::vector<std::string> session_arguments(const CommandLine& line, bool read_only) {
  std::vector<std::string> all = {"userlay", "-o", "default_permissions,fsname=userlay,subtype=userlay"};
  // Only root may let other users in without being asked (see /etc/fuse.conf).
  if (geteuid() == 0) all.insert(all.end(), {"-o", "allow_other,suid,dev"});
  if (read_only) all.insert(all.end(), {"-o", "ro"});
  for (const auto& option : line.fuse_options) all.insert(all.end(), {"-o", option});
  if (line.debug) all.emplace_back("-d");
  return all;
}

// Where it will still be found after the daemon has left its directory; as given if it is nowhere.
std::string absolute(const std::string& mount_point) {
  const std::unique_ptr<char, void (*)(void*)> path(realpath(mount_point.c_str(), nullptr), std::free);
  return path ? path.get() : mount_point;
}

// Lets the kernel ask for more at once than the usual 128 KiB. Best effort: it takes root and /sys.
void read_ahead(const std::string& mount_point) {
  struct statx st {};
  // Nobody would answer yet if the kernel asked for attributes.
  if (statx(AT_FDCWD, mount_point.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) != 0)
    return;
  const std::string device = std::to_string(st.stx_dev_major) + ":" + std::to_string(st.stx_dev_minor);
  std::ofstream("/sys/class/bdi/" + device + "/read_ahead_kb") << 512;
}

int serve(fuse_session* session, const CommandLine& line) {
  if (fuse_set_signal_handlers(session) != 0) return complain("cannot set signal handlers");
  if (fuse_session_mount(session, absolute(line.mount_point).c_str()) != 0)
    return complain("cannot mount on " + line.mount_point);
  if (watch_channel(session, fuse_session_fd(session)) != 0) {
    fuse_session_unmount(session);
    return complain("cannot read requests");
  }
  read_ahead(line.mount_point);
  int status = 1;
  if (fuse_daemonize(line.foreground ? 1 : 0) == 0) status = serve_requests(session) < 0 ? 1 : 0;
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  return status;
}

// Whoever was unmounted just now may still be ending and have its layers in use.
Result<std::unique_ptr<Overlay>> mount_layers(MountSpec spec) {
  spec.one_device = true;
  constexpr int kTries = 50;
  for (int tries = 1;; ++tries) {
    auto overlay = Overlay::mount(spec);
    if (overlay || overlay.error() != EBUSY || tries == kTries) return overlay;
    (void)usleep(10'000);
  }
}

std::string why_refused(int error, const MountSpec& spec) {
  const std::string error_text = std::strerror(error);
  if (error == EBUSY)
    return error_text +
           " (upperdir, workdir or a lower layer is in use as upperdir or workdir of another "
           "mount: unmount that, or allow it with index=off)";
  if (error == EINVAL && spec.options.nfs_export)
    return error_text +
           " (nfs_export=on is not supported, as a FUSE file system has file handles of its "
           "own: leave it out)";
  return error_text;
}

int run(int argc, char** argv) {
  const auto line = parse_command_line(std::vector<std::string>(argv + 1, argv + argc));
  if (!line) return complain(line.error());
  if (line->help) return std::fputs(kHelp, stdout) < 0;
  if (line->version) {
    return std::printf("userlay %s\nlibfuse %s\nFUSE passthrough: %s\n", USERLAY_VERSION, fuse_pkgversion(),
                       BackingFiles::built_in() ? "built in" : "not built in") < 0;
  }

  const auto spec = parse_options(line->overlay_options);
  if (!spec) return complain("bad option in " + line->overlay_options + ": " + std::strerror(spec.error()));
  raise_file_limit();
  share_memory();
  (void)umask(0);
  auto overlay = mount_layers(*spec);
  if (!overlay)
    return complain("cannot use these layers (" + line->overlay_options +
                    "): " + why_refused(overlay.error(), *spec));

  Service service(**overlay);
  const auto arguments = session_arguments(*line, (*overlay)->read_only());
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  for (const auto& argument : arguments)
    if (fuse_opt_add_arg(&args, argument.c_str()) != 0) return complain("out of memory");
  std::unique_ptr<fuse_session, SessionDeleter> session(
      fuse_session_new(&args, &fuse_operations(), sizeof(fuse_lowlevel_ops), &service));
  fuse_opt_free_args(&args);
  if (!session) return 1;  // libfuse has said why
  service.session = session.get();
  return serve(session.get(), *line);
}

}  // namespace
}  // namespace userlay

int main(int argc, char** argv) {
  return userlay::run(argc, argv);
}
