// ovlcheck_vm_test: what happens to a run when its virtual machines panic or are ended. Not among the unit
// tests, because every test boots a kernel or two; scripts/test-vm runs it.
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "harness/case/json.h"
#include "harness/cli/commands.h"
#include "harness/results/results.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

// An image in the cache of scripts/kernels or of this machine; "" = none. OVLCHECK_TEST_KERNEL names another.
std::string find_kernel() {
  if (const char* named = std::getenv("OVLCHECK_TEST_KERNEL")) return named;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path caches = cache ? fs::path(cache) : fs::path(home ? home : "/") / ".cache";
  for (const fs::path& folder : {caches / "ovlcheck/kernels/bookworm/boot", fs::path("/boot")}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (entry.path().filename().string().starts_with("vmlinuz") && access(entry.path().c_str(), R_OK) == 0)
        return entry.path().string();
  }
  return "";
}

// A program that makes the kernel panic: writes "c" to /proc/sysrq-trigger, ends with status 0. For x86-64,
// statically linked.
std::string panicking_program() {
  constexpr unsigned char code[] = {0xb8, 0x02, 0x00, 0x00, 0x00, 0x48, 0x8d, 0x3d, 0x25, 0x00, 0x00, 0x00,
                                    0xbe, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x05, 0x89, 0xc7, 0x48, 0x8d, 0x35,
                                    0x29, 0x00, 0x00, 0x00, 0xba, 0x01, 0x00, 0x00, 0x00, 0xb8, 0x01, 0x00,
                                    0x00, 0x00, 0x0f, 0x05, 0xb8, 0x3c, 0x00, 0x00, 0x00, 0x31, 0xff, 0x0f,
                                    0x05, 0x2f, 0x70, 0x72, 0x6f, 0x63, 0x2f, 0x73, 0x79, 0x73, 0x72, 0x71,
                                    0x2d, 0x74, 0x72, 0x69, 0x67, 0x67, 0x65, 0x72, 0x00, 0x63};
  constexpr uint64_t base = 0x400000, start = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                     size = start + sizeof code;
  Elf64_Ehdr head = {};
  std::copy_n(ELFMAG, SELFMAG, head.e_ident);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_EXEC;
  head.e_machine = EM_X86_64;
  head.e_version = EV_CURRENT;
  head.e_entry = base + start;
  head.e_phoff = sizeof head;
  head.e_ehsize = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 1;
  Elf64_Phdr segment = {};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = segment.p_paddr = base;
  segment.p_filesz = segment.p_memsz = size;
  segment.p_align = 0x1000;
  std::string program(reinterpret_cast<const char*>(&head), sizeof head);
  program.append(reinterpret_cast<const char*>(&segment), sizeof segment);
  program.append(reinterpret_cast<const char*>(code), sizeof code);
  return program;
}

// A running ovlcheck.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const fs::path& log) {
    std::vector<std::string> words = {(fs::path(own_program()).parent_path() / "ovlcheck").string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    EXPECT_EQ(posix_spawn_file_actions_init(&actions), 0);
    EXPECT_EQ(posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
              0);
    EXPECT_EQ(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    EXPECT_EQ(posix_spawn_file_actions_destroy(&actions), 0);
  }
  ~Process() { (void)end(SIGKILL); }
  Process(const Process&) = delete;

  // The virtual machine that it runs, -1 if none.
  pid_t machine() const {
    std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children");
    pid_t child = -1;
    children >> child;
    return child;
  }
  // Its exit status; waits.
  int wait() {
    int status = 0;
    EXPECT_EQ(waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int end(int signal) {
    if (pid_ < 0) return -1;
    (void)kill(pid_, signal);
    return wait();
  }

 private:
  pid_t pid_ = -1;
};

class Machines : public ::testing::Test {
 protected:
  void SetUp() override {
    kernel_ = find_kernel();
    if (kernel_.empty()) GTEST_SKIP() << "no kernel image: scripts/kernels gets some";
    if (access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "QEMU is not installed";
    std::string name = ::testing::TempDir() + "ovlcheck-machines-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  std::vector<std::string> arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {"vm",     "--kernel", kernel_,    "--privilege",     "root",
                                    "--jobs", "1",        "--output", results().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  fs::path results() const { return folder_ / "results"; }

  // Verdict and reason by case.
  std::map<std::string, std::pair<Verdict, std::string>> outcomes() const {
    std::map<std::string, std::pair<Verdict, std::string>> all;
    for (const auto& outcome : read_results(results().string()).outcomes)
      all[outcome.case_name] = {outcome.verdict, outcome.reason};
    return all;
  }

  std::string cases_file(const Json& middle) {
    const Json plain = {{"title", "t"},
                        {"clauses", {"COPYUP-1"}},
                        {"lower", {{{"f", "x"}}}},
                        {"steps", {{{"put", "f"}, {"data", "y"}}}}};
    Json file = {
        {"$schema", "schema/case.schema.json"}, {"group", "g"}, {"about", "a"}, {"cases", Json::array()}};
    for (const char* id : {"a", "b", "m", "y", "z"}) {
      Json one = {{"id", id}};
      one.update(std::string(id) == "m" ? middle : plain);
      file["cases"].push_back(one);
    }
    std::ofstream(folder_ / "g.json") << file;
    return (folder_ / "g.json").string();
  }

  // Runs the file's cases and expects all but g/m to pass.
  std::pair<Verdict, std::string> run_with(const Json& middle) {
    Process process(arguments({"--cases", cases_file(middle)}), folder_ / "log");
    EXPECT_EQ(process.wait(), kDeviations);
    auto all = outcomes();
    EXPECT_EQ(all.size(), 5u);
    for (const char* other : {"g/a", "g/b", "g/y", "g/z"})
      EXPECT_EQ(all[other].first, Verdict::pass) << other << ": " << all[other].second;
    return all["g/m"];
  }

  // Waits until that many outcomes are known.
  void wait_for(size_t lines) const {
    for (int i = 0; i < 15000; ++i) {
      std::ifstream events(results() / "events.jsonl");
      if (static_cast<size_t>(std::count(std::istreambuf_iterator<char>(events), {}, '\n')) >= lines) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "no outcomes";
  }

  void expect_all_passed(size_t at_least) const {
    const auto all = outcomes();
    EXPECT_GE(all.size(), at_least);
    EXPECT_EQ(all.size(), read_results(results().string()).suite.cases) << "every case has an outcome";
    for (const auto& [name, outcome] : all)
      EXPECT_TRUE(outcome.first == Verdict::pass || outcome.first == Verdict::skip)
          << name << ": " << outcome.second;
  }

  std::string kernel_;
  fs::path folder_;
};

TEST_F(Machines, APanicIsACrashOfItsCaseAlone) {
  const auto [verdict, reason] =
      run_with({{"title", "t"},
                {"clauses", {"COPYUP-1"}},
                {"lower", {{{"x", {{"file", text_from_bytes(panicking_program())}, {"mode", "0755"}}}}}},
                {"steps", {{{"execve", "x"}}}}});
  EXPECT_EQ(verdict, Verdict::crash);
  EXPECT_NE(reason.find("Kernel panic - not syncing: sysrq triggered crash"), std::string::npos) << reason;
}

TEST_F(Machines, AWarningIsACrashOfItsCaseAlone) {
  const auto [verdict, reason] =
      run_with({{"title", "t"},
                {"clauses", {"COPYUP-1"}},
                {"lower", {{{"log", {{"char", {1, 11}}}}}}},
                {"steps", {{{"put", "log"}, {"data", "WARNING: CPU: 0 PID: 1 at made/up.c:1\n"}}}}});
  EXPECT_EQ(verdict, Verdict::crash);
  EXPECT_TRUE(reason.starts_with("the kernel logged: WARNING: CPU: 0 PID: 1 at made/up.c:1")) << reason;
}

TEST_F(Machines, WhatAMachineThatWasEndedLeftIsDoneByAnother) {
  Process process(arguments({"--filter", "rename", "--filter", "whiteouts"}), folder_ / "log");
  wait_for(5);
  const pid_t machine = process.machine();
  ASSERT_GT(machine, 0);
  ASSERT_EQ(kill(machine, SIGKILL), 0);
  EXPECT_EQ(process.wait(), kAsExpected);
  expect_all_passed(200);
}

TEST_F(Machines, ARunThatWasKilledIsFinishedByResume) {
  const std::vector<std::string> filters = {"--filter", "rename", "--filter", "whiteouts"};
  pid_t machine = -1;
  {
    Process process(arguments(filters), folder_ / "log");
    wait_for(5);
    machine = process.machine();
    ASSERT_GT(machine, 0);
    (void)process.end(SIGKILL);
  }
  for (int i = 0; i < 500 && kill(machine, 0) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE(kill(machine, 0), 0) << "the virtual machine outlives its run";
  EXPECT_FALSE(fs::exists(results() / "results.json"));
  auto resumed = filters;
  resumed.push_back("--resume");
  Process process(arguments(resumed), folder_ / "log");
  EXPECT_EQ(process.wait(), kAsExpected);
  expect_all_passed(200);
}

}  // namespace
}  // namespace ovlcheck

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
