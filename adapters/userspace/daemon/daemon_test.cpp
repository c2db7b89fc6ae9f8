// The daemon as a program: started as people start it, used, and stopped.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/userspace/daemon/daemon_program.h"

namespace userlay {
namespace {

TEST_F(DaemonProgram, MountsServesAndUnmounts) {
  ASSERT_EQ(start(), 0) << read("said");
  EXPECT_EQ(read("merged/f"), "hello");
  write("merged/f", "changed");
  EXPECT_EQ(read("upper/f"), "changed");
  EXPECT_EQ(read("lower/f"), "hello");
  fs::remove(base_ / "merged/f");
  EXPECT_FALSE(fs::exists(base_ / "merged/f"));
  struct stat whiteout {};
  ASSERT_EQ(lstat((base_ / "upper/f").c_str(), &whiteout), 0);
  EXPECT_TRUE(S_ISCHR(whiteout.st_mode));
  EXPECT_EQ(shell("umount '" + (base_ / "merged").string() + "'"), 0);
  EXPECT_TRUE(fs::is_empty(base_ / "merged"));
}

TEST_F(DaemonProgram, RefusesWhatItCannotDoAndSaysWhy) {
  EXPECT_NE(start(",nonsense=1"), 0);
  EXPECT_NE(read("said").find("nonsense"), std::string::npos) << read("said");
  EXPECT_NE(start(",metacopy=on,redirect_dir=off"), 0) << "options that exclude each other";
  EXPECT_TRUE(fs::is_empty(base_ / "merged")) << "nothing was mounted";
}

TEST_F(DaemonProgram, ListsWhatChangedSinceTheLastListing) {
  ASSERT_EQ(start(), 0) << read("said");
  const std::string cd = "cd '" + (base_ / "merged").string() + "' && ";
  EXPECT_EQ(
      shell(
          cd +
          "test \"$(ls)\" = f && test \"$(ls)\" = f && touch g && test \"$(echo $(ls))\" = 'f g' && rm f && "
          "test \"$(ls)\" = g && mkdir d && mv g d && test \"$(ls)\" = d && test \"$(ls d)\" = g"),
      0);
}

TEST_F(DaemonProgram, OpenFilesSeeEachOthersChanges) {
  ASSERT_EQ(start(), 0) << read("said");
  const std::string f = "'" + (base_ / "merged/f").string() + "'";
  // A reader of the lower file, then a writer, then one who only comes when it is in upper, then all anew.
  EXPECT_EQ(shell("exec 3<" + f + " 4>>" + f + " 5<" + f +
                  "; printf ' world' >&4 && test \"$(cat <&3)\" = 'hello world' && "
                  "test \"$(cat <&5)\" = 'hello world'"),
            0);
  EXPECT_EQ(shell("exec 3<" + f + " 4<>" + f + "; printf J >&4 && test \"$(cat <&3)\" = 'Jello world'"), 0);
  EXPECT_EQ(read("merged/f"), "Jello world");
  EXPECT_EQ(read("upper/f"), "Jello world");
  EXPECT_EQ(read("lower/f"), "hello");
}

TEST_F(DaemonProgram, AWriterWithoutPrivilegeTakesSetIdBitsAway) {
  ASSERT_EQ(start(), 0) << read("said");
  const std::string f = "'" + (base_ / "merged/f").string() + "'";
  ASSERT_EQ(shell("chmod 755 '" + base_.string() + "'; exec 4>>" + f + "; chmod 6777 " + f +
                  " && setpriv --reuid 65534 --clear-groups sh -c 'echo x >&4'"),
            0);
  struct stat st {};
  ASSERT_EQ(stat((base_ / "merged/f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0777u);
}

TEST_F(DaemonProgram, AMappingThatWritesShowsInTheTimesOnceItIsClosed) {
  ASSERT_EQ(start(), 0) << read("said");
  const std::string path = (base_ / "merged/f").string();
  constexpr time_t kLongAgo = 978'307'200;  // 2001
  ASSERT_EQ(shell("touch -d @978307200 '" + path + "'"), 0);
  {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    void* const mapped = mmap(nullptr, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    static_cast<char*>(mapped)[0] = 'J';
    EXPECT_EQ(msync(mapped, 5, MS_SYNC), 0);
    EXPECT_EQ(munmap(mapped, 5), 0);
    EXPECT_EQ(close(fd), 0);
  }
  EXPECT_EQ(read("merged/f"), "Jello");
  struct stat st {};
  for (int tries = 0; tries < 100 && st.st_mtime <= kLongAgo; ++tries) {
    ASSERT_EQ(stat(path.c_str(), &st), 0);  // the close is told to the daemon while we go on
    usleep(10'000);
  }
  EXPECT_GT(st.st_mtime, kLongAgo);
}

TEST_F(DaemonProgram, ManyWritersAtATimeLoseNothing) {
  ASSERT_EQ(start(), 0) << read("said");
  const std::string merged = (base_ / "merged").string();
  EXPECT_EQ(shell("cd '" + merged +
                  "' && for i in 1 2 3 4; do (for j in $(seq 50); do echo $i >> log; echo x > d$i-$j; done) "
                  "& done; wait; "
                  "test $(wc -l < log) = 200 && test $(ls | wc -l) = 202"),
            0);
}

}  // namespace
}  // namespace userlay
