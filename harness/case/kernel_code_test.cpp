#include "harness/case/kernel_code.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

TEST(KernelCode, IsRead) {
  const KernelCode code = read_kernel_code(
      R"({"kernel": "k", "others": [{"suite": "s", "how": "h", "lines": 50, "functions": 60.5, "branches": 40}],
          "unreached": [{"function": "f", "why": "w"}, {"function": "g", "code": ["return x;"], "why": "v"}]})",
      "kernel-code.json");
  EXPECT_EQ(code.kernel, "k");
  ASSERT_EQ(code.others.size(), 1u);
  EXPECT_EQ(code.others[0].functions, 60.5);
  ASSERT_EQ(code.unreached.size(), 2u);
  EXPECT_TRUE(code.unreached[0].code.empty());
  EXPECT_EQ(code.unreached[1].code, std::vector<std::string>{"return x;"});
}

TEST(KernelCode, WithoutReasonIsRefused) {
  try {
    read_kernel_code("{\"kernel\": \"k\", \"unreached\": [\n{\"function\": \"f\"}]}", "kernel-code.json");
    FAIL();
  } catch (const BadCase& bad) {
    EXPECT_EQ(to_string(bad.problems.front()), "kernel-code.json:2: /unreached/0: needs the member \"why\"");
  }
}

}  // namespace
}  // namespace ovlcheck
