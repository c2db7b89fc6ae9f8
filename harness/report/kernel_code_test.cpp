#include "harness/report/kernel_code.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ovlcheck {
namespace {

KernelCoverage sample() {
  KernelCoverage coverage;
  coverage.subjects = {"kernel@6.12/tmpfs"};
  const CodeFunction half{"half", 1, 4, {{3, "if (a)", 4, {4, 0}}, {5, "return 2;", 0, {}}}, {"g/a", "g/b"}};
  const CodeFunction never{"never", 7, 0, {{8, "return 3;", 0, {}}}, {}};
  coverage.files = {{"dir.c", {half, never}}};
  return coverage;
}

KernelCode explained_by(std::vector<UnreachedCode> unreached) {
  return {"Linux", {{"others", "somehow", 50, 60, 40}}, std::move(unreached)};
}

TEST(KernelCodePage, TellsWhatIsNotExecutedAndWhy) {
  const KernelCoverage coverage = sample();
  const KernelCode code = explained_by({{"never", {}, "a reason"}});
  const std::string page = kernel_code_text(coverage, code);
  EXPECT_NE(page.find("never dir.c:7: not entered: a reason\n"), page.npos) << page;
  EXPECT_NE(page.find("  3: 1 of 2 branches of if (a)\n  5: return 2;\n"), page.npos) << page;
  EXPECT_NE(page.find("1 functions (1 explained), 2 lines (1 explained), 1 branches (0 explained)"),
            page.npos)
      << page;
  EXPECT_TRUE(wrong_explanations(coverage, code).empty());
}

TEST(KernelCodePage, ExplanationsOfWhatIsExecutedAreWrong) {
  KernelCoverage coverage = sample();
  coverage.files[0].functions[0].lines[0].branches[1] = 1;
  const auto wrong = wrong_explanations(
      coverage, explained_by({{"half", {}, "w"}, {"half", {"if (a)", "if (b)"}, "w"}, {"gone", {}, "w"}}));
  ASSERT_EQ(wrong.size(), 4u);
  EXPECT_EQ(wrong[0], "half is explained as not entered, but g/a enters it");
  EXPECT_EQ(wrong[1], "half: \"if (a)\" is explained as not executed, but it is, with all its branches");
  EXPECT_EQ(wrong[2], "half has no line \"if (b)\", which is explained");
  EXPECT_EQ(wrong[3], "gone is explained, but there is no such function");
}

TEST(KernelCodePage, NamesTheCasesAndClausesOfAFunction) {
  const Case c = case_from_json(Json::parse(R"({"id": "a", "clauses": ["C-1"], "steps": []})"), "g", "");
  const std::string page = kernel_function_text(sample(), "half", {c});
  EXPECT_EQ(page, "half dir.c:1: entered by 2 cases\n  clauses: C-1\n  g/a\n  g/b\n");
  EXPECT_THROW(kernel_function_text(sample(), "whole", {}), std::invalid_argument);
}

TEST(KernelCodePage, StandsBesideOtherSuites) {
  const std::string markdown = kernel_code_markdown(sample(), explained_by({}));
  EXPECT_NE(
      markdown.find("| ovlcheck | the cases | 33.3 % | 50.0 % | 50.0 % |\n| others | somehow | 50.0 % |"),
      markdown.npos)
      << markdown;
  const std::string html = kernel_code_html(sample(), explained_by({}), {});
  EXPECT_NE(html.find("<a href=\"matrix.html#case=g%2Fa\">g/a</a>"), html.npos) << html;
  EXPECT_NE(html.find("1 of 2 branches not taken"), html.npos);
}

}  // namespace
}  // namespace ovlcheck
