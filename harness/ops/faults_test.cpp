#include "harness/ops/faults.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness/ops/vfs.h"

namespace ovlcheck {
namespace {

TEST(Faults, AreOffUntilTheyAreEnabled) {
  EXPECT_FALSE(refuse_allocation(1));
  int runs = 0;
  const Sys<int> result = under_faults([&]() -> Sys<int> {
    ++runs;
    return failed(ENOENT);
  });
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(result.error(), ENOENT);
}

TEST(Faults, LeaveInTheEndWhatThereIsWithoutThem) {
  if (!enable_faults()) GTEST_SKIP() << "this kernel has no fault injection";
  const Sys<int> result = under_faults([]() -> Sys<int> {
    const int fd = ::open("/", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(errno);
    return fd;
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(::close(*result), 0);
}

}  // namespace
}  // namespace ovlcheck
