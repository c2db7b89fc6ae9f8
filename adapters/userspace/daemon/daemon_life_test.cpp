// How the daemon comes and goes: by mount(8), as an ordinary user, at a signal, beside another one.
#include <fcntl.h>
#include <sys/inotify.h>

#include <cstdint>
#include <cstring>

#include "adapters/userspace/daemon/daemon_program.h"

namespace userlay {
namespace {

class DaemonLife : public DaemonProgram {
 protected:
  std::string merged() const { return (base_ / "merged").string(); }

  // Runs a shell script with $program, $layers, $m (the mount point) and $base.
  int script(const std::string& text, const std::string& by = "sh") const {
    std::ofstream(base_ / "script") << "set -e\nexport program=" << USERLAY_PROGRAM << " layers=" << layers()
                                    << " m=" << merged() << " base=" << base_.string() << "\n"
                                    << text << "\n";
    return shell(by + " '" + (base_ / "script").string() + "' >'" + (base_ / "said").string() + "' 2>&1");
  }
};

TEST_F(DaemonLife, TellsItsUseAndItsVersion) {
  EXPECT_EQ(script("$program --help | grep -q lowerdir=DIR"), 0) << read("said");
  EXPECT_EQ(script("$program --version | grep -q '^userlay [0-9.]*$'"), 0) << read("said");
  EXPECT_EQ(script("$program --version | grep -q '^FUSE passthrough: '"), 0) << read("said");
  EXPECT_NE(script("$program --nonsense"), 0);
  EXPECT_NE(read("said").find("--help"), std::string::npos) << read("said");
}

TEST_F(DaemonLife, IsMountedByItsTypeAndUnmounted) {
  if (shell("command -v mount.fuse3 >/dev/null") != 0) GTEST_SKIP() << "no mount.fuse3";
  // mount(8) looks for it where programs are installed: there it is, for this script alone.
  EXPECT_EQ(script("mount -t tmpfs none /usr/local/sbin\n"
                   "ln -s $program /usr/local/sbin/userlay\n"
                   "mount -t fuse.userlay none $m -o $layers,nodev\n"
                   "findmnt -no FSTYPE $m | grep -qx fuse.userlay\n"
                   "findmnt -no OPTIONS $m | grep -q nodev\n"
                   "test $(cat $m/f) = hello\n"
                   "umount $m",
                   "unshare --mount sh"),
            0)
      << read("said");
}

TEST_F(DaemonLife, UnmountsAtASignalAndLosesNothing) {
  for (const char* signal : {"TERM", "HUP"})
    EXPECT_EQ(script(std::string("cd $base; $program -f -o $layers merged & daemon=$!\n"
                                 "until mountpoint -q $m; do sleep 0.02; done\n"
                                 "echo kept >$m/new\n"
                                 "kill -") +
                     signal +
                     " $daemon\n"
                     "wait $daemon\n"
                     "! mountpoint -q $m\n"
                     "test $(cat $base/upper/new) = kept"),
              0)
        << signal << read("said");
}

TEST_F(DaemonLife, EndsAtOnceWhenItIsUnmounted) {
  EXPECT_EQ(script("cd $base; $program -f -o $layers merged & daemon=$!\n"
                   "until mountpoint -q $m; do sleep 0.02; done\n"
                   "ls $m\n"
                   "umount $m\n"
                   "timeout 0.7 tail --pid=$daemon -s 0.05 -f /dev/null"),
            0)
      << read("said");
}

TEST_F(DaemonLife, ServesManyAtOnce) {
  ASSERT_EQ(start(), 0) << read("said");
  EXPECT_EQ(script("for i in 1 2 3 4 5 6 7 8; do (\n"
                   "  for n in 1 2 3 4 5 6 7 8 9 10; do\n"
                   "    mkdir $m/d$i.$n; echo $i.$n >$m/d$i.$n/f; test $(cat $m/d$i.$n/f) = $i.$n\n"
                   "    test $(ls $m/d$i.$n) = f; mv $m/d$i.$n/f $m/f$i.$n; rmdir $m/d$i.$n\n"
                   "  done\n"
                   ") & all=\"$all $!\"; done\n"
                   "for one in $all; do wait $one; done\n"
                   "test $(cat $m/f?.* | sort -u | wc -l) = 80"),
            0)
      << read("said");
}

TEST_F(DaemonLife, AnOrdinaryUserMountsAndUnmounts) {
  if (shell("test -u \"$(command -v fusermount3)\"") != 0) GTEST_SKIP() << "fusermount3 is not for everybody";
  ASSERT_EQ(shell("chown -R 65534:65534 '" + base_.string() + "'"), 0);
  fs::create_directory(base_ / "dev");
  // The checkout may lie where others cannot look. Where the device is for root alone, another one is put
  // over it, for this script alone.
  EXPECT_EQ(script("cp $program $base/userlay\n"
                   "mount -t tmpfs none $base/dev\n"
                   "mknod -m 666 $base/dev/fuse c 10 229\n"
                   "mount --bind $base/dev/fuse /dev/fuse\n"
                   "setpriv --reuid 65534 --regid 65534 --clear-groups sh -ec '"
                   "$base/userlay -o $layers,userxattr $m\n"
                   "test $(cat $m/f) = hello\n"
                   "echo changed >$m/f; mkdir $m/d; mv $m/f $m/d/g; test ! -e $m/f\n"
                   "test $(cat $base/lower/f) = hello\n"
                   "fusermount3 -u $m\n"
                   "test $(cat $base/upper/d/g) = changed\n"
                   "test -z \"$(ls $m)\"'",
                   "unshare --mount sh"),
            0)
      << read("said");
}

// Names of the events that come, in a row.
std::string events_of(int inotify) {
  std::string all;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t got; (got = ::read(inotify, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const char* const name = event.len ? buffer + at + sizeof event : "";
      for (const auto& [bit, word] : {std::pair<std::uint32_t, const char*>{IN_CREATE, "create "},
                                      {IN_MODIFY, "modify "},
                                      {IN_MOVED_FROM, "from "},
                                      {IN_MOVED_TO, "to "},
                                      {IN_DELETE, "delete "}})
        if (event.mask & bit) all += word + std::string(name) + "\n";
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return all;
}

TEST_F(DaemonLife, ChangesAreTold) {
  ASSERT_EQ(start(), 0) << read("said");
  const int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ASSERT_GE(inotify, 0);
  ASSERT_GE(inotify_add_watch(inotify, merged().c_str(), IN_CREATE | IN_MODIFY | IN_MOVE | IN_DELETE), 0);
  ASSERT_GE(inotify_add_watch(inotify, (merged() + "/f").c_str(), IN_MODIFY), 0);
  EXPECT_EQ(script("printf x >>$m/f; mkdir $m/d; mv $m/f $m/g; rmdir $m/d; rm $m/g"), 0) << read("said");
  EXPECT_EQ(events_of(inotify), "modify f\nmodify \ncreate d\nfrom f\nto g\ndelete d\ndelete g\n");
  EXPECT_EQ(close(inotify), 0);
}

TEST_F(DaemonLife, LayersInUseAreRefusedWithAnIndexAsByTheKernel) {
  fs::create_directory(base_ / "other");
  ASSERT_EQ(start(), 0) << read("said");
  EXPECT_NE(start(",index=on", "other"), 0);
  EXPECT_NE(read("said").find("in use"), std::string::npos) << read("said");
  EXPECT_NE(read("said").find("index=off"), std::string::npos) << "says what helps: " << read("said");
  EXPECT_TRUE(fs::is_empty(base_ / "other"));
  EXPECT_EQ(start("", "other"), 0) << read("said");
  EXPECT_EQ(shell("umount '" + (base_ / "other").string() + "'"), 0);
  EXPECT_EQ(read("merged/f"), "hello") << "the first one goes on";
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(start(",index=on"), 0) << "free again at once: " << read("said");
}

TEST_F(DaemonLife, RefusesToBeExportedWithWords) {
  EXPECT_NE(start(",index=on,nfs_export=on"), 0);
  EXPECT_NE(read("said").find("nfs_export=on is not supported"), std::string::npos) << read("said");
  EXPECT_TRUE(fs::is_empty(base_ / "merged"));
}

}  // namespace
}  // namespace userlay
