#include "harness/report/lists.h"

#include <gtest/gtest.h>

#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

ovlcheck::Run small_run() {
  ovlcheck::Run run;
  run.host = {"6.1.0", "x86_64", 2, "2024-05-01T12:00:00Z"};
  run.subjects = {{"a<b", "", "", "", ""}};
  auto add = [&run](const char* name, Verdict verdict, const char* reason, const char* listed) {
    Outcome outcome;
    outcome.subject = "a<b";
    outcome.case_name = name;
    outcome.verdict = verdict;
    outcome.reason = reason;
    outcome.listed = listed;
    run.outcomes.push_back(outcome);
  };
  add("g/passes", Verdict::pass, "", "");
  add("g/skipped", Verdict::skip, "no \"fuse\"", "");
  add("g/known", Verdict::fail, "", "it copies");
  add("g/dies", Verdict::crash, "signal 11\n\x01", "");
  return run;
}

TEST(Lists, JUnitCountsAndEscapes) {
  EXPECT_EQ(junit_report(small_run()), R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ovlcheck">
  <testsuite name="a&lt;b" tests="4" failures="0" errors="1" skipped="2" time="0.000000" timestamp="2024-05-01T12:00:00">
    <testcase classname="a&lt;b.g" name="g/passes" time="0.000000"/>
    <testcase classname="a&lt;b.g" name="g/skipped" time="0.000000">
      <skipped message="no &quot;fuse&quot;"/>
    </testcase>
    <testcase classname="a&lt;b.g" name="g/known" time="0.000000">
      <skipped message="known: it copies"/>
    </testcase>
    <testcase classname="a&lt;b.g" name="g/dies" time="0.000000">
      <error type="crash" message="signal 11&#10;?">CRASH g/dies  on a&lt;b&#10;    signal 11&#10;?&#10;</error>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST(Lists, TapMarksSkipsAndKnownDeviations) {
  const std::string text = tap_report(small_run());
  EXPECT_TRUE(text.starts_with("TAP version 13\n1..4\nok 1 - a<b g/passes\n"));
  EXPECT_NE(text.find("ok 2 - a<b g/skipped # SKIP no \"fuse\"\n"), std::string::npos);
  EXPECT_NE(text.find("not ok 3 - a<b g/known # TODO it copies\n"), std::string::npos);
  EXPECT_NE(text.find("not ok 4 - a<b g/dies\n  ---\n  message: |\n    CRASH g/dies"), std::string::npos);
}

TEST(Lists, CsvQuotesWhatItMust) {
  EXPECT_EQ(csv_report(small_run()),
            "subject,case,title,clauses,outcome,seconds,listed,reason\r\n"
            "a<b,g/passes,,,pass,0.000000,,\r\n"
            "a<b,g/skipped,,,skip,0.000000,,\"no \"\"fuse\"\"\"\r\n"
            "a<b,g/known,,,fail,0.000000,it copies,\r\n"
            "a<b,g/dies,,,crash,0.000000,,\"signal 11\n\x01\"\r\n");
}

TEST(Lists, JsonHasOneCaseALine) {
  EXPECT_EQ(json_report(small_run()), R"({"format": 1,
"host": {"kernel":"6.1.0","machine":"x86_64","date":"2024-05-01T12:00:00Z"},
"suite": {"revision":"","cases":0},
"subjects": [
  {"name":"a<b","version":"","privilege":"","fs":""}
],
"cases": {
  "g/dies": {"a<b":"crash"},
  "g/known": {"a<b":"known"},
  "g/passes": {"a<b":"pass"},
  "g/skipped": {"a<b":"skip"}
}}
)");
}

}  // namespace
}  // namespace ovlcheck
