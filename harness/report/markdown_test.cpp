#include "harness/report/markdown.h"

#include <gtest/gtest.h>

#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

TEST(Markdown, IsAMatrixWithFootnotes) {
  EXPECT_EQ(
      markdown_report(sample_run()),
      R"(Linux 6.1.0-18 on x86\_64, 2 CPUs, 2024-05-01T12:00:00Z; 5 cases, suite revision `00000000deadbeef`. A cell says how many of the cases that apply passed.

- `kernel` 6.1.0-18, privilege root, on tmpfs
- `userlay`, privilege none, on tmpfs
- `fuse:a=on,metacopy=on` fuse 1.10, privilege userns, on ext4
- `aufs` did not run: this kernel has no aufs

| group | kernel | userlay | fuse:a=on,metacopy=on | aufs |
|---|---:|---:|---:|---:|
| copy-up | 2/2 | 1/2[^1] | - | - |
| rename | 3/3 | 1/2[^2] | 1/3[^3] | - |
| **total** | **5/5 (100%)** | **2/4 (50%)** | **1/3 (33%)** | - |

[^1]: copy-up on userlay:

    - `copy-up/mmap`: crash at step 3.1.2 `mwrite m "x"`, the daemon died with SIGSEGV

[^2]: rename on userlay:

    - `rename/lower-dir-is-exdev` Renaming a directory of a lower layer fails with EXDEV (RENAME-1, RENAME-2)
        - step 1 `rename d -> e`: expected `EXDEV`, observed `ok`
        - after merged: `d` is missing (`dir`), `e` must not be there (`dir`), `g`: content is `"c"`, must be `"a|b"`

[^3]: rename on fuse:a=on,metacopy=on:

    - `rename/lower-dir-is-exdev` Renaming a directory of a lower layer fails with EXDEV (RENAME-1, RENAME-2)
        - step 1 `rename d -> e`: expected `EXDEV`, observed `ok`
        - after merged: `d` is missing (`dir`), `e` must not be there (`dir`), `g`: content is `"c"`, must be `"a|b"`
)");
}

TEST(Markdown, VariantsOfACaseAreToldOnce) {
  auto run = sample_run();
  Outcome first = run.outcomes[7];
  run.outcomes.clear();
  for (const char* name :
       {"rename/table[b]", "rename/table[a]", "rename/other", "rename/known[x]", "rename/known[y]"}) {
    first.case_name = name;
    first.listed = std::string_view(name).starts_with("rename/known") ? "Not done yet." : "";
    run.outcomes.push_back(first);
  }
  run.outcomes[2].deviations[1].tree.resize(9, {"x", "missing", "dir", ""});
  const std::string text = markdown_report(run);
  EXPECT_NE(text.find("    - `rename/table`: `[a]`, `[b]` Renaming"), std::string::npos) << text;
  EXPECT_EQ(text.find("table[b]"), std::string::npos);
  EXPECT_NE(text.find("`\"a|b\"`, `x` is missing (`dir`), 5 more differences\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    - known (2): Not done yet. `rename/known`\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("known[x]"), std::string::npos);
}

TEST(Markdown, OddTextStaysText) {
  auto run = sample_run();
  run.subjects[0].name = "a|b<c>";
  for (Outcome& outcome : run.outcomes)
    if (outcome.subject == "kernel") outcome.subject = "a|b<c>";
  run.outcomes[7].deviations[0].observed = "two ``ticks``";
  const std::string text = markdown_report(run);
  EXPECT_NE(text.find("| group | a\\|b&lt;c> |"), std::string::npos);
  EXPECT_NE(text.find("observed ``` two ``ticks`` ```"), std::string::npos);
}

}  // namespace
}  // namespace ovlcheck
