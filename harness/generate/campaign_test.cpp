#include "harness/generate/campaign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "harness/case/lint.h"
#include "harness/case/test_folder.h"
#include "harness/generate/campaign_report.h"
#include "harness/generate/exhaust.h"

namespace ovlcheck::generate {
namespace {

size_t scenario_index(const std::string& name) {
  for (size_t i = 0; i < scenarios().size(); ++i)
    if (scenarios()[i].name == name) return i;
  throw std::runtime_error("no scenario " + name);
}

// One chunk for each scenario named.
CampaignRequest request_of(const std::string& subject, const std::string& reference,
                           const std::vector<std::string>& names, const std::filesystem::path& folder) {
  CampaignRequest request;
  request.subject = subject;
  request.references = {reference};
  request.work = "test";
  request.folder = folder;
  request.chunks = names.size();
  request.source = [names](size_t chunk, const Environment&) -> std::unique_ptr<Source> {
    const size_t index = scenario_index(names[chunk]);
    return std::make_unique<Enumeration>(1, index, index + 1);
  };
  return request;
}

// Nothing if the machine offers no namespace to mount in.
std::optional<CampaignResult> run(const CampaignRequest& request) {
  try {
    return run_campaign(request, {});
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

TEST(Campaign, FindsNothingBetweenASubjectAndItself) {
  const TestFolder folder;
  const auto result =
      run(request_of("userlay", "userlay", {"lower-file+absent", "merged-dir+upper-file"}, folder.path()));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->findings.empty());
  EXPECT_EQ(result->done.size(), 2u);
  EXPECT_GT(result->counts.steps, 100u);
}

TEST(Campaign, WritesFindingsThatPassLint) {
  const TestFolder folder;
  const auto result = run(request_of("plain", "userlay", {"lower-dir+absent"}, folder.path()));
  if (!result) GTEST_SKIP() << "no namespace to be had";
  ASSERT_FALSE(result->findings.empty());
  for (const auto& [signature, finding] : result->findings) {
    EXPECT_EQ(finding["trouble"], "") << signature;
    EXPECT_LE(finding["case"]["steps"].size(), 3u) << signature;
  }
  EXPECT_TRUE(lint({folder.path() + "/findings.json"}).empty());
}

TEST(Campaign, LetsMostDecide) {
  const TestFolder folder;
  auto request = request_of("userlay", "plain", {"lower-dir+absent"}, folder.path());
  request.references.emplace_back("userlay");
  const auto result = run(request);
  if (!result) GTEST_SKIP() << "no namespace to be had";
  ASSERT_FALSE(result->findings.empty());
  for (const auto& [signature, finding] : result->findings) {
    EXPECT_EQ(finding["about"], "plain") << signature;
    EXPECT_EQ(finding["right"], "userlay") << signature;
    EXPECT_TRUE(signature.starts_with("plain: ")) << signature;
  }
}

TEST(Campaign, CountsWhatIsKnownAndDoesNotShrinkIt) {
  const TestFolder folder, expectations;
  std::ofstream(std::filesystem::path(expectations.path()) / "plain.json")
      << R"({"subject": "plain", "entries": [{"signatures": ["*"], "reason": "No layers."}]})";
  auto request = request_of("plain", "userlay", {"lower-dir+absent"}, folder.path());
  for (const auto& name : parties_of(request)) request.known.emplace_back(expectations.path(), name);
  const auto result = run(request);
  if (!result) GTEST_SKIP() << "no namespace to be had";
  EXPECT_TRUE(result->findings.empty());
  EXPECT_GT(result->counts.known.at("No layers."), 0u);
}

TEST(Campaign, ReportsWhatItMet) {
  const TestFolder folder;
  const auto request = request_of("userlay", "userlay", {"lower-file+absent"}, folder.path());
  const auto result = run(request);
  ASSERT_TRUE(result);
  EXPECT_GE(result->cells.size(), result->counts.outcomes.size());
  ASSERT_FALSE(result->milestones.empty());
  EXPECT_EQ(result->milestones.back().steps, result->counts.steps);
  EXPECT_EQ(result->milestones.back().cells, result->cells.size());
  const std::string words = campaign_markdown(request, *result);
  for (const auto* part :
       {"| checked operations |", "| unique states |", "| rename ENOENT |", "0 sequences deviate"})
    EXPECT_NE(words.find(part), std::string::npos) << part;
  EXPECT_NE(campaign_svg(*result).find("and state"), std::string::npos);
  for (const auto* file : {"/report.md", "/coverage.svg"})
    EXPECT_TRUE(std::filesystem::exists(folder.path() + file)) << file;
}

TEST(Campaign, GoesOnWhereItWasInterrupted) {
  const TestFolder folder;
  auto request = request_of("userlay", "userlay", {"lower-file+absent", "upper-file+absent"}, folder.path());
  request.seconds = 1e-9;  // no time for anything
  auto result = run(request);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->done.empty());
  request.seconds = 0;
  request.resume = true;
  result = run(request);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->done.size(), 2u);
  const auto steps = result->counts.steps;
  const auto cells = result->cells;
  result = run(request);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.steps, steps);
  EXPECT_EQ(result->cells, cells);
}

TEST(Campaign, DoesNotGoOnWithAnother) {
  const TestFolder folder;
  auto request = request_of("userlay", "userlay", {"lower-file+absent"}, folder.path());
  ASSERT_TRUE(run(request));
  request.resume = true;
  request.work = "something else";
  EXPECT_THROW((void)run_campaign(request, {}), std::invalid_argument);
}

}  // namespace
}  // namespace ovlcheck::generate
