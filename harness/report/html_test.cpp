#include "harness/report/html.h"

#include <gtest/gtest.h>

#include "harness/report/join.h"
#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

TEST(Html, IsOnePageThatNothingInItCanBreakOpen) {
  ovlcheck::Run run = sample_run();
  run.host.machine = "<script>alert(1)</script>";
  run.outcomes[0].title = "</script><b>";
  Casebook book;
  book.cases.push_back({"copy-up/chmod", "</script><b>", {}, "words", Json::object()});
  const std::string page = html_report(run, book);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_TRUE(page.ends_with("</html>\n"));
}

TEST(Html, StaysSmallForAManySubjectsSuite) {
  ovlcheck::Run run;
  Casebook book;
  for (int c = 0; c < 1500; ++c) {
    const std::string name = "group" + std::to_string(c % 20) + "/case-" + std::to_string(c);
    book.cases.push_back({name,
                          "A title of the usual length for case " + std::to_string(c),
                          {"X-" + std::to_string(c)},
                          std::string(800, 'w') + std::to_string(c * 7919),
                          Json{{"id", c}, {"steps", Json::array({c, c + 1})}}});
    for (int s = 0; s < 12; ++s) {
      Outcome outcome;
      outcome.subject = "subject-" + std::to_string(s);
      outcome.case_name = name;
      outcome.verdict = (c * 31 + s * 17) % 5 == 0 ? Verdict::fail : Verdict::pass;
      if (outcome.verdict == Verdict::fail)
        outcome.deviations = {
            {"/steps/0", "rename d -> e" + std::to_string(c), "EXDEV", "ok " + std::to_string(s * c), {}}};
      run.outcomes.push_back(outcome);
    }
  }
  for (int s = 0; s < 12; ++s) run.subjects.push_back({"subject-" + std::to_string(s), "", "", "", ""});
  EXPECT_LT(html_report(run, book).size(), 2u << 20);
}

TEST(Join, TellsEqualSubjectsOfSeveralRunsApart) {
  ovlcheck::Run run = sample_run();
  const LabelledRun joined = join_runs({{"old", run, {}}, {"new", run, {}}});
  EXPECT_EQ(joined.run.subjects.size(), 2 * run.subjects.size());
  EXPECT_EQ(joined.run.subjects[0].name, "kernel (old)");
  EXPECT_EQ(joined.run.outcomes.back().subject.substr(joined.run.outcomes.back().subject.size() - 5),
            "(new)");
  EXPECT_EQ(joined.run.suite, run.suite);
}

TEST(Join, TellsRunsOfTheSameLabelApart) {
  ovlcheck::Run old = sample_run(), young = sample_run();
  young.host.kernel = "9.9";
  const LabelledRun joined = join_runs({{"run", old, {}}, {"run", young, {}}});
  EXPECT_EQ(joined.run.subjects.front().name, "kernel (run#1)");
  EXPECT_EQ(joined.run.subjects.back().name, "aufs (run#2)");
  EXPECT_EQ(joined.run.host.kernel, old.host.kernel + ", 9.9");
  EXPECT_EQ(joined.run.host.date, old.host.date);
}

}  // namespace
}  // namespace ovlcheck
