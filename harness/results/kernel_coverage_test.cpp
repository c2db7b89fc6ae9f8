#include "harness/results/kernel_coverage.h"

#include <gtest/gtest.h>

#include "harness/case/test_folder.h"

namespace ovlcheck {
namespace {

TEST(KernelCoverage, IsReadFromTheFolderOfCounters) {
  TestFolder folder;
  folder.put(
      "source/dir.c",
      "int first(int a)\n{\n\tif (a)\n\t\treturn 1;\n\treturn 2;\n}\nint second(void)\n{ return 3; }\n");
  folder.put("coverage.info",
             "TN:\nSF:/src/fs/overlayfs/dir.c\nFN:1,first\nFN:7,second\nFNDA:4,first\nFNDA:0,second\n"
             "BRDA:3,0,0,4\nBRDA:3,0,1,-\nDA:3,4\nDA:4,4\nDA:5,0\nDA:8,0\nend_of_record\n"
             "TN:\nSF:/src/include/linux/fs.h\nFN:1,inlined\nFNDA:1,inlined\nDA:1,1\nend_of_record\n");
  folder.put("reached.json",
             R"({"format": 1, "files": {}, "subjects": ["kernel"], "cases": ["g/a", "g/b"], "functions": [
      {"source": "/src/fs/overlayfs/dir.c", "name": "first", "cases": [1]},
      {"source": "/src/fs/overlayfs/dir.c", "name": "second", "cases": []}]})");
  const KernelCoverage coverage = read_kernel_coverage(folder.path());
  ASSERT_EQ(coverage.files.size(), 1u);
  ASSERT_EQ(coverage.files[0].functions.size(), 2u);
  const CodeFunction& first = coverage.files[0].functions[0];
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(first.cases, std::set<std::string>{"g/b"});
  ASSERT_EQ(first.lines.size(), 3u);
  EXPECT_EQ(first.lines[0].text, "if (a)");
  EXPECT_EQ(first.lines[0].branches, (std::vector<uint64_t>{4, 0}));
  CodeFigures figures;
  figures.add(coverage.files[0]);
  EXPECT_EQ(figures.lines.reached, 2u);
  EXPECT_EQ(figures.lines.all, 4u);
  EXPECT_EQ(figures.functions.percent(), 50);
  EXPECT_EQ(figures.branches.all, 2u);
}

TEST(KernelCoverage, OfSeveralTimesAddsUp) {
  KernelCoverage one, other;
  one.files = {{"dir.c", {{"f", 1, 1, {{2, "a", 1, {1, 0}}, {3, "b", 0, {}}}, {"g/a"}}}}};
  other.files = {{"dir.c", {{"f", 1, 2, {{2, "a", 0, {0, 0}}, {3, "b", 5, {}}}, {"g/b"}}}}};
  add_counts(one, other);
  EXPECT_EQ(figures_of(one).lines.reached, 2u);
  EXPECT_EQ(figures_of(one).branches.reached, 1u);
  EXPECT_EQ(one.files[0].functions[0].cases, std::set<std::string>{"g/a"});
  other.files[0].functions[0].name = "h";
  EXPECT_THROW(add_counts(one, other), std::invalid_argument);
}

TEST(KernelCoverage, OfAFolderWithoutCountersIsRefused) {
  TestFolder folder;
  EXPECT_THROW(read_kernel_coverage(folder.path()), std::runtime_error);
}

}  // namespace
}  // namespace ovlcheck
