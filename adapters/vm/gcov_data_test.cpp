#include "adapters/vm/gcov_data.h"

#include <gtest/gtest.h>

#include "adapters/vm/test_gcov_files.h"

namespace ovlcheck {
namespace {

TEST(GcovData, HasTheCountersOfEveryFunction) {
  GcovData data(gcov_test_data(3, 0, 5));
  ASSERT_EQ(data.counters(), 3u);
  EXPECT_EQ(data.counter(0), 3u);
  EXPECT_EQ(data.counter(1), 0u);
  EXPECT_EQ(data.counter(2), 5u);
  EXPECT_EQ(data.function_of(1), 7u);
  EXPECT_EQ(data.function_of(2), 9u);
}

TEST(GcovData, IsTheSameFileWithOtherCounters) {
  GcovData data(gcov_test_data(3, 0, 5));
  data.add(1, 4);
  data.add(2, 1);
  EXPECT_EQ(data.content(), gcov_test_data(3, 4, 6));
}

TEST(GcovData, FunctionsWithoutCountersAreSkipped) {
  GcovData data(gcov_header(0x67636461) + gcov_words({0x01000000, 12, 7, 1, 2, 0x01a10000, 0xfffffff0u}) +
                gcov_words({0x01000000, 12, 9, 1, 2, 0x01a10000, 8, 1, 0}));
  ASSERT_EQ(data.counters(), 1u);
  EXPECT_EQ(data.function_of(0), 9u);
}

TEST(GcovData, OtherFilesAreRefused) {
  EXPECT_THROW(GcovData("no counters at all"), std::runtime_error);
  EXPECT_THROW(GcovData(gcov_test_data(1, 2, 3).substr(0, 55)), std::runtime_error);
  try {
    GcovData old(gcov_header(0x67636461, 0x4230322a));
    FAIL();
  } catch (const std::runtime_error& problem) {
    EXPECT_STREQ(problem.what(), "a file of counters (.gcda) was made by GCC 10, it must be 12 or later");
  }
}

TEST(GcovNotes, NameTheFunctions) {
  const auto names = function_names(gcov_test_notes());
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names.at(7).name, "first");
  EXPECT_EQ(names.at(9).name, "second");
  EXPECT_EQ(names.at(9).source, "/src/dir.c");
  EXPECT_THROW(function_names(gcov_test_notes().substr(0, 50)), std::runtime_error);
}

}  // namespace
}  // namespace ovlcheck
