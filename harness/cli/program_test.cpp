// The program as its users start it: exit statuses, messages, shards as separate processes.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "adapters/adapter.h"
#include "harness/cli/commands.h"
#include "harness/results/results.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

struct Ended {
  int status = -1;
  std::string said;  // standard output and error
};

Ended program(const std::string& arguments) {
  const std::string path = fs::path(own_program()).parent_path() / "ovlcheck";
  FILE* pipe = popen((path + " " + arguments + " 2>&1").c_str(), "r");
  Ended ended;
  for (std::array<char, 4096> buffer; const size_t count = fread(buffer.data(), 1, buffer.size(), pipe);)
    ended.said.append(buffer.data(), count);
  const int status = pclose(pipe);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "ovlcheck-program-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }

  // Exit status 2 and words that contain `word`.
  void expect_bad(const std::string& arguments, const std::string& word) {
    const Ended ended = program(arguments + " --output " + in("unused"));
    EXPECT_EQ(ended.status, kBadInput) << arguments << "\n" << ended.said;
    EXPECT_NE(ended.said.find(word), std::string::npos) << arguments << "\n" << ended.said;
  }

  fs::path folder_;
};

// Outcomes without what differs between any two runs: how long it took, and times of day that were observed.
std::vector<std::string> timeless(const std::string& folder) {
  std::vector<std::string> all;
  for (Outcome outcome : read_results(folder).outcomes) {
    outcome.seconds = 0;
    for (auto& deviation : outcome.deviations) deviation.observed.clear();
    all.push_back(json_from_outcome(outcome).dump());
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST_F(Program, AnExchangeIsWithAnotherOverlayAndJudgedAlone) {
  expect_bad("run --exchange no-such", "no-such");
  expect_bad("run --exchange plain", "plain: it keeps no layers");
  expect_bad("run --exchange kernel --against kernel", "--exchange excludes");
  expect_bad("run --exchange kernel --staged", "--exchange excludes");
}

TEST_F(Program, EightShardsMergedAreTheWholeRun) {
  const std::string what =
      "run --subject userlay --subject plain --filter reads --filter whiteouts --jobs 1 ";
  std::vector<std::thread> processes;
  std::array<Ended, 8> ended;
  std::string shards;
  for (size_t i = 0; i < ended.size(); ++i) {
    const std::string shard = in("shard" + std::to_string(i + 1));
    shards += shard + " ";
    processes.emplace_back([&, i, shard] {
      ended[i] = program(what + "--shard " + std::to_string(i + 1) + "/8 --output " + shard);
    });
  }
  for (auto& process : processes) process.join();
  for (const auto& one : ended) EXPECT_EQ(one.status, kAsExpected) << one.said;

  const Ended merged = program("merge " + shards + "--output " + in("merged"));
  ASSERT_EQ(merged.status, kAsExpected) << merged.said;
  ASSERT_EQ(program(what + "--output " + in("whole")).status, kAsExpected);
  EXPECT_EQ(timeless(in("merged")), timeless(in("whole")));
  EXPECT_EQ(read_results(in("merged")).suite, read_results(in("whole")).suite);

  const Ended incomplete = program("merge " + in("shard1") + " " + in("shard2") + " --output " + in("part"));
  EXPECT_NE(incomplete.status, kAsExpected) << incomplete.said;
}

// Starts the program and kills it once `folder` holds that many outcomes.
void kill_after(const std::string& folder, size_t outcomes, const std::vector<std::string>& arguments) {
  const std::string path = fs::path(own_program()).parent_path() / "ovlcheck";
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)!freopen("/dev/null", "w", stdout);
    execv(path.c_str(), argv.data());
    _exit(127);
  }
  const auto count = [&] {
    std::ifstream in(folder + "/events.jsonl");
    return static_cast<size_t>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  };
  while (count() < outcomes && waitpid(child, nullptr, WNOHANG) == 0) usleep(1000);
  (void)kill(child, SIGKILL);
  (void)waitpid(child, nullptr, 0);
}

TEST_F(Program, AKilledRunIsCompletedWithoutRepeatingOrLosingAnything) {
  const std::string what =
      "run --subject userlay --subject plain --filter reads --filter whiteouts --jobs 2 ";
  const std::vector<std::string> again = {"run",      "--subject", "userlay",  "--subject", "plain",
                                          "--filter", "reads",     "--filter", "whiteouts", "--jobs",
                                          "2",        "--resume",  "--output", in("killed")};
  for (const size_t outcomes : {1, 40, 41, 150, 300}) kill_after(in("killed"), outcomes, again);
  ASSERT_EQ(program(what + "--resume --output " + in("killed")).status, kAsExpected);
  ASSERT_EQ(program(what + "--output " + in("whole")).status, kAsExpected);
  EXPECT_EQ(timeless(in("killed")), timeless(in("whole")));
  std::set<std::string> seen;
  for (const auto& outcome : read_events(in("killed") + "/events.jsonl"))
    EXPECT_TRUE(seen.insert(outcome.subject + " " + outcome.case_name).second)
        << outcome.case_name << " was run twice";
}

TEST_F(Program, ADescriptorFileIsASubject) {
  const std::string mine = file("mine.json", R"({"name": "mine", "filesystem": "fuse", "dialect": "overlayfs",
    "mount": ["no-such-program", "{lower}", "{upper}", "{mount}"]})");
  const Ended ended = program("run --subject " + mine + " --filter reads --output " + in("run"));
  EXPECT_EQ(ended.status, kAsExpected) << ended.said;
  const auto run = read_results(in("run"));
  ASSERT_EQ(run.subjects.size(), 1u);
  EXPECT_EQ(run.subjects[0].name, "mine");
  EXPECT_NE(run.subjects[0].missing, "");
}

TEST_F(Program, TheManualNamesEveryCommandAndCompletionEverySubject) {
  const std::string help = program("--help").said;
  const auto text = [](const std::string& name) {
    std::ifstream in(std::string(OVLCHECK_SOURCE_DIR "/harness/cli/") + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string manual = text("ovlcheck.1"), completion = text("completion.bash");
  std::istringstream lines(help.substr(help.find("Subcommands:")));
  std::string line;
  std::getline(lines, line);
  for (std::string name; std::getline(lines, line) && std::istringstream(line) >> name;)
    EXPECT_NE(manual.find(".B " + name + "\n"), std::string::npos) << name;
  for (const auto& subject : known_subjects())
    EXPECT_NE(completion.find(subject), std::string::npos) << subject;
}

TEST_F(Program, InitFindsOutHowAProgramMounts) {
  const std::string program_path = fs::path(own_program()).parent_path() / "userlay";
  if (program("doctor").said.find("userlay-fuse         ready") == std::string::npos)
    GTEST_SKIP() << "no FUSE mounts here; `ovlcheck doctor` says why";
  const Ended ended = program("init " + program_path + " --output " + folder_.string());
  ASSERT_EQ(ended.status, kAsExpected) << ended.said;
  const Json found = Json::parse(std::ifstream(in("userlay.json")));
  EXPECT_EQ(found["dialect"], "overlayfs");
  EXPECT_EQ(found["kernel_options"], true);
  EXPECT_TRUE(found.contains("mount_read_only"));
  EXPECT_TRUE(fs::exists(in("userlay-ci.yml")));
  const Ended run =
      program("run --subject " + in("userlay.json") + " --filter whiteouts --output " + in("run"));
  EXPECT_EQ(run.status, kAsExpected) << run.said;

  const Ended again = program("init " + program_path + " --output " + folder_.string());
  EXPECT_NE(again.said.find("File exists"), std::string::npos) << again.said;
  const Ended none = program("init /bin/false --output " + folder_.string());
  EXPECT_EQ(none.status, kBroken);
  EXPECT_NE(none.said.find("{lower}"), std::string::npos) << none.said;
}

TEST_F(Program, BadInputSaysWhereAndEndsWithTwo) {
  expect_bad("run --subject nosuch", "fuse-overlayfs");
  expect_bad("run --subject kernel --subject kernel", "twice");
  expect_bad("run --mount-command 'prog {lower}'", "{mount}");
  expect_bad("run --mount-command ''", "empty");
  expect_bad("run --subject " + in("none.json"), "none.json");
  expect_bad("run --subject " + file("bad.json", R"({"name": "x"})"), "bad.json");
  expect_bad("run --filter nosuch", "ovlcheck list");
  expect_bad("run --cases " + in("none"), "none");
  expect_bad("run --shard 9/8", "2/8");
  expect_bad("run --repeat 2 --resume", "exclude");
}

}  // namespace
}  // namespace ovlcheck
