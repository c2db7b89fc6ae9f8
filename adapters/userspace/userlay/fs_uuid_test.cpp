// On new file systems, as the kernel tells it and as older kernels do, which do not know the first requests.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "adapters/userspace/userlay/sys.h"

namespace userlay {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kGeneric = 0x80111500;  // FS_IOC_GETFSUUID
constexpr std::uint32_t kExt4 = 0x8008662c;     // EXT4_IOC_GETFSUUID

// From now on these two ioctl(2) requests fail with ENOTTY in this process.
bool forget(std::uint32_t first, std::uint32_t second) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// In a process of its own: whether the UUID is found with these requests unknown, and is the same.
bool same_without(const std::string& directory, std::uint32_t first, std::uint32_t second) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const auto known = sys::fs_uuid(fd);
    ::_exit(known && *known != sys::Uuid{} && forget(first, second) && sys::fs_uuid(fd) == known ? 0 : 1);
  }
  int status = 1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status == 0;
}

class FsUuid : public ::testing::TestWithParam<const char*> {};

TEST_P(FsUuid, IsTheSameOnKernelsThatDoNotTellItOfEveryFileSystem) {
  const std::string type = GetParam();
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  char name[] = "/tmp/uuid-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string base = name;
  fs::create_directory(base + "/at");
  // In a mount namespace of its own, so that nothing is left mounted.
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string mount = "truncate -s 512M " + base + "/image && mkfs." + type + " -q " + base +
                              "/image >/dev/null 2>&1 && mount -o loop " + base + "/image " + base +
                              "/at >/dev/null 2>&1";
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        std::system(mount.c_str()) != 0)
      ::_exit(2);
    ::_exit(same_without(base + "/at", kGeneric, kGeneric) && same_without(base + "/at", kGeneric, kExt4)
                ? 0
                : 1);
  }
  int status = 1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  fs::remove_all(base);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << type << " cannot be made or mounted here";
  EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(Of, FsUuid, ::testing::Values("ext4", "xfs", "btrfs"),
                         [](const auto& type) { return std::string(type.param); });

}  // namespace
}  // namespace userlay
