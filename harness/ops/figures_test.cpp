#include "harness/ops/figures.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Figures, TheMedianIsTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
}

TEST(Figures, HaveUnitsPeopleRead) {
  EXPECT_EQ(duration(2.5), "2.5 s");
  EXPECT_EQ(duration(0.00125), "1.25 ms");
  EXPECT_EQ(duration(16.24e-6), "16.2 us");
  EXPECT_EQ(duration(830e-9), "830 ns");
  EXPECT_EQ(size_in_words(100), "100 B");
  EXPECT_EQ(size_in_words(4096), "4 KiB");
  EXPECT_EQ(size_in_words(64 << 20), "64 MiB");
}

}  // namespace
}  // namespace ovlcheck
