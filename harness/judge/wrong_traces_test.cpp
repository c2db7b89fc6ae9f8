// The judge's own mutants: traces it has to reject (wrong_traces.json).
#include <gtest/gtest.h>

#include "harness/case/read.h"
#include "harness/judge/judge.h"
#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

Json traces() {
  const std::string file = OVLCHECK_SOURCE_DIR "/harness/judge/wrong_traces.json";
  return parse_document(read_text(file), file)["traces"];
}

Observation observed(const Json& trace) {
  Json whole = {{"options", Json::object()}, {"fs", "tmpfs"}, {"privilege", "root"}, {"seconds", 0}};
  whole.update(trace);
  return observation_from_json(whole);
}

Case case_of_trace(const Json& trace) {
  Json more = trace["case"];
  const auto steps = more["steps"].get<std::vector<Json>>();
  more.erase("steps");
  return case_of(steps, more);
}

std::string words_of(const Outcome& outcome) {
  return json_from_outcome(outcome).dump();
}

TEST(WrongTraces, TheRightOnesPass) {
  for (const auto& trace : traces()) {
    const Case c = case_of_trace(trace);
    const Observation right = observed(trace["trace"]);
    const Outcome outcome = judge(c, right, facts(), true), against = judge_against(c, right, right, true);
    EXPECT_EQ(outcome.verdict, Verdict::pass) << words_of(outcome);
    EXPECT_EQ(against.verdict, Verdict::pass) << words_of(against);
  }
}

TEST(WrongTraces, AreRejected) {
  size_t count = 0;
  for (const auto& trace : traces()) {
    const Case c = case_of_trace(trace);
    const Observation right = observed(trace["trace"]);
    for (const auto& wrong : trace["wrong"]) {
      const std::string about = wrong["about"].get<std::string>();
      const Observation spoiled = observed(trace["trace"].patch(wrong["patch"]));
      const Outcome outcome = judge(c, spoiled, facts(), true);
      EXPECT_EQ(outcome.verdict, Verdict::fail) << about;
      EXPECT_TRUE(std::any_of(outcome.deviations.begin(), outcome.deviations.end(),
                              [&](const Deviation& deviation) { return deviation.where == wrong["where"]; }))
          << about << ": " << words_of(outcome);
      const Verdict against = judge_against(c, spoiled, right, true).verdict;
      EXPECT_EQ(against, wrong.value("against", true) ? Verdict::fail : Verdict::pass) << about;
      ++count;
    }
  }
  EXPECT_GE(count, 60u);
}

}  // namespace
}  // namespace ovlcheck
