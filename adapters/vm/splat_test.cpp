#include "adapters/vm/splat.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Splat, FindsAWarningAndWhatFollows) {
  const auto splat = find_splat(
      "[    1.0] overlayfs: upper fs does not support tmpfile.\r\n"
      "[    2.0] ------------[ cut here ]------------\r\n"
      "[    2.1] WARNING: CPU: 0 PID: 7 at fs/overlayfs/super.c:1 f+0x1/0x2\r\n"
      "[    2.2] Modules linked in: overlay\r\n"
      "[    2.3] more\r\n",
      2);
  ASSERT_TRUE(splat);
  EXPECT_EQ(*splat, "WARNING: CPU: 0 PID: 7 at fs/overlayfs/super.c:1 f+0x1/0x2\nModules linked in: overlay");
}

TEST(Splat, FindsEveryKind) {
  for (const char* line :
       {"BUG: KASAN: use-after-free in ovl_lookup", "BUG: kernel NULL pointer dereference, address: 0",
        "kernel BUG at fs/inode.c:1!", "Oops: 0000 [#1] PREEMPT SMP",
        "Kernel panic - not syncing: Fatal exception",
        "general protection fault, probably for non-canonical address", "UBSAN: shift-out-of-bounds in a.c:1",
        "WARNING: possible recursive locking detected",
        "INFO: possible circular locking dependency detected"})
    EXPECT_TRUE(find_splat(std::string("[    5.5][  T99] ") + line + "\n")) << line;
}

TEST(Splat, OrdinaryMessagesAreNone) {
  EXPECT_FALSE(
      find_splat("[ 1.0] EXT4-fs (vda): mounted filesystem\n[ 1.1] overlayfs: NFS export requires index\n"));
  EXPECT_FALSE(find_splat(""));
}

}  // namespace
}  // namespace ovlcheck
