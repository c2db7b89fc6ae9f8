#include "harness/case/vocabulary.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "harness/case/problem.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

TEST(Vocabulary, IsSortedAndFindsItsOperations) {
  EXPECT_TRUE(std::is_sorted(vocabulary().begin(), vocabulary().end(),
                             [](const Operation& a, const Operation& b) { return a.name < b.name; }));
  for (const Operation& operation : vocabulary()) EXPECT_EQ(find_operation(operation.name), &operation);
  EXPECT_EQ(find_operation("renam"), nullptr);
  EXPECT_EQ(find_operation(""), nullptr);
  EXPECT_EQ(find_operation("zzz"), nullptr);
}

TEST(Constants, Combine) {
  EXPECT_EQ(constant("open", "O_RDWR|O_CREAT"), static_cast<unsigned long>(O_RDWR | O_CREAT));
  EXPECT_EQ(constant("open", "O_RDONLY"), 0u);
  EXPECT_EQ(constant("rename", "0x10"), 16u);
  EXPECT_EQ(constant("whence", "SEEK_HOLE"), static_cast<unsigned long>(SEEK_HOLE));
}

TEST(Constants, UnknownNamesAreErrors) {
  EXPECT_THROW(constant("open", "RENAME_EXCHANGE"), BadCase);
  EXPECT_THROW(constant("open", ""), BadCase);
  EXPECT_THROW(constant("open", "O_RDWR|"), BadCase);
  EXPECT_THROW(constant("opn", "O_RDWR"), BadCase);
  try {
    constant("open", "O_CREATE");
  } catch (const BadCase& e) {
    EXPECT_EQ(e.problems[0].message, "unknown open constant \"O_CREATE\" (did you mean \"O_CREAT\"?)");
  }
}

TEST(Constants, HaveNames) {
  EXPECT_EQ(constant_names("fsflag", constant("fsflag", "FS_IMMUTABLE_FL|FS_NODUMP_FL")),
            (std::vector<std::string_view>{"FS_IMMUTABLE_FL", "FS_NODUMP_FL"}));
}

TEST(Errno, NamesAndNumbers) {
  EXPECT_EQ(errno_number("EXDEV"), EXDEV);
  EXPECT_EQ(errno_number("ENOTSUP"), EOPNOTSUPP);
  EXPECT_EQ(errno_number("ENOWAY"), 0);
  EXPECT_EQ(errno_name(EOPNOTSUPP), "EOPNOTSUPP");
  EXPECT_EQ(errno_name(EAGAIN), "EAGAIN");
  EXPECT_EQ(errno_name(9999), "E9999");
}

TEST(DidYouMean, SuggestsOnlyWhatIsNear) {
  EXPECT_EQ(did_you_mean("expct", {"expect", "as"}), " (did you mean \"expect\"?)");
  EXPECT_EQ(did_you_mean("exdev", {"EXDEV"}), " (did you mean \"EXDEV\"?)");
  EXPECT_EQ(did_you_mean("colour", {"expect", "as"}), "");
  EXPECT_EQ(did_you_mean(std::string(100000, 'x'), {"expect"}), "");
}

}  // namespace
}  // namespace ovlcheck
