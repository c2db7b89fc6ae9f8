#include "harness/results/results.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <system_error>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

// A folder that is gone after the test.
class Results : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "ovl-results-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(name.data()));
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The complaint about `text` as results.json.
  std::string complaint(const std::string& text) const {
    write("results.json", text);
    try {
      (void)read_results(folder_);
    } catch (const BadCase& e) {
      return to_string(e.problems.at(0)).substr(folder_.string().size() + 1);
    }
    return "none";
  }

  std::filesystem::path folder_;
};

Outcome failure() {
  return {
      "kernel",
      "rename/a[x]",
      "Renaming works",
      {"RENAME-1", "RENAME-2"},
      Verdict::fail,
      "",
      "",
      "",
      {{"/steps/0", "rename d -> e", "EXDEV", "ok", {}},
       {"after merged", "", "", "", {{"d/f", "content", "\"a\"", "\"b\""}, {"g", "missing", "file", ""}}}},
      "it always did",
      0.001234};
}

Outcome crash() {
  return {"userlay",
          "rename/a[x]",
          "",
          {},
          Verdict::crash,
          "daemon died with SIGSEGV",
          "/steps/1",
          "stat f",
          {},
          "",
          2};
}

Run sample() {
  return {{"6.1.0", "x86_64", 2, "2024-05-01T12:00:00Z"},
          {"00000000deadbeef", 3, {{"readdir", 1}, {"rename", 2}}},
          {{"kernel", "6.1.0", "root", "tmpfs", ""}, {"aufs", "", "", "", "no aufs in this kernel"}},
          {failure(), crash()}};
}

TEST_F(Results, SurviveWritingAndReading) {
  write_results(folder_ / "results.json", sample());
  auto run = read_results(folder_);
  EXPECT_EQ(run.host, sample().host);
  EXPECT_EQ(run.suite, sample().suite);
  EXPECT_EQ(run.subjects, sample().subjects);
  EXPECT_EQ(run.outcomes, sample().outcomes);
  EXPECT_EQ(read_results(folder_ / "results.json").outcomes.size(), 2u);
}

TEST_F(Results, AreReplacedAtomicallyAndLeaveNoTemporaryFile) {
  write("results.json", "old");
  write_results(folder_ / "results.json", sample());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    names.push_back(entry.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"results.json"});
  EXPECT_THROW(write_results(folder_ / "no" / "results.json", sample()), std::system_error);
}

TEST_F(Results, CarryTheSummaryForOtherReaders) {
  write_results(folder_ / "results.json", sample());
  Json summary = Json::parse(read("results.json"))["summary"];
  EXPECT_EQ(summary["kernel"]["fail"], 1);
  EXPECT_EQ(summary["kernel"]["pass"], 0);
  EXPECT_EQ(summary["userlay"]["crash"], 1);
  EXPECT_EQ(summary["aufs"].size(), 6u);
}

TEST_F(Results, ComplaintsNameFilePointerAndLine) {
  EXPECT_EQ(complaint("{\n\"format\": 2}").substr(0, 24), "results.json:2: /format:");
  EXPECT_NE(complaint("{\n\"format\": \n]").find("results.json:3:"), std::string::npos);
  EXPECT_NE(complaint("{}").find("/format"), std::string::npos);
  EXPECT_NE(complaint("{\"format\": 1e999}").find("number overflow"), std::string::npos);
  auto run = sample();
  write_results(folder_ / "results.json", run);
  std::string text = read("results.json");
  text.replace(text.find("\"crash\"", text.find("\"outcomes\"")), 7, "\"crush\"");
  EXPECT_NE(complaint(text).find("/outcomes/1: unknown verdict \"crush\""), std::string::npos);
  EXPECT_THROW((void)read_results(folder_ / "absent.json"), std::system_error);
}

TEST_F(Results, EventsAreThereAsSoonAsTheyAreAppended) {
  EventLog log(folder_ / "events.jsonl");
  log.append(failure());
  EXPECT_EQ(read_events(folder_ / "events.jsonl"), std::vector<Outcome>{failure()});
  log.append(crash());
  EXPECT_EQ(read_events(folder_ / "events.jsonl"), (std::vector<Outcome>{failure(), crash()}));
}

TEST_F(Results, ATornLastEventIsLeftOutButNoOther) {
  {
    EventLog log(folder_ / "events.jsonl");
    log.append(failure());
    log.append(crash());
  }
  std::string text = read("events.jsonl");
  for (size_t size : {text.size() - 1, text.size() - 10}) {
    write("events.jsonl", text.substr(0, size));
    EXPECT_EQ(read_events(folder_ / "events.jsonl"), std::vector<Outcome>{failure()});
  }
  write("events.jsonl", "{\"subject\": \n" + text);
  EXPECT_THROW((void)read_events(folder_ / "events.jsonl"), BadCase);
}

TEST_F(Results, BytesThatAreNotUtf8DoNotSpoilALog) {
  Outcome outcome = crash();
  outcome.reason = "said \xff";
  EventLog(folder_ / "events.jsonl").append(outcome);
  EXPECT_EQ(read_events(folder_ / "events.jsonl").at(0).reason, "said \xef\xbf\xbd");
}

TEST(SuiteInfo, RevisionDependsOnContentNotOnOrder) {
  Case a, b;
  a.group = b.group = "g";
  a.id = "a", b.id = "b";
  a.json = {{"id", "a"}}, b.json = {{"id", "b"}};
  SuiteInfo suite = suite_info({a, b});
  EXPECT_EQ(suite.cases, 2u);
  EXPECT_EQ(suite.groups.at("g"), 2u);
  EXPECT_EQ(suite, suite_info({b, a}));
  b.json["title"] = "other";
  EXPECT_NE(suite.revision, suite_info({a, b}).revision);
}

TEST(HostInfo, NamesTheKernel) {
  EXPECT_FALSE(host_info().kernel.empty());
  EXPECT_EQ(host_info().date.size(), 20u);
}

}  // namespace
}  // namespace ovlcheck
