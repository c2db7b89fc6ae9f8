// The red team: every hostile case must leave what is outside of its sandbox alone - unseen, unchanged,
// unreached.
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>

#include "harness/case/read.h"
#include "harness/ops/test_place.h"
#include "harness/run/leftovers.h"
#include "harness/run/probe.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

constexpr const char* kToken = "token-that-nobody-inside-may-see";
constexpr uid_t kOrdinary = 54321;

std::string text_of(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// A socket that listens; `address` as bind(2) takes it.
Fd listening(const sockaddr* address, socklen_t size) {
  Fd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  EXPECT_EQ(::bind(fd.get(), address, size), 0) << std::strerror(errno);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

// Things outside of every sandbox, as tempting as they can be.
class Canary {
 public:
  Canary() : abstract_("ovlcheck-canary-" + std::to_string(::getpid())) {
    EXPECT_EQ(::chmod(scratch_.path().c_str(), 0777), 0);
    make("secret", kToken, 0644);
    make("victim", "untouched", 0666);
    for (const char* name : {"open", "work"}) {
      EXPECT_EQ(::mkdirat(scratch_.dir(), name, 0777), 0);
      EXPECT_EQ(::fchmodat(scratch_.dir(), name, 0777, 0), 0);
    }
    sockaddr_un address{AF_UNIX, {}};
    std::strncpy(address.sun_path, (path() + "/socket").c_str(), sizeof address.sun_path - 1);
    named_ = listening(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    address = {AF_UNIX, {}};
    std::strncpy(address.sun_path + 1, abstract_.c_str(), sizeof address.sun_path - 2);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract_.size());
    unnamed_ = listening(reinterpret_cast<const sockaddr*>(&address), size);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    network_ = listening(reinterpret_cast<const sockaddr*>(&local), sizeof local);
    socklen_t length = sizeof local;
    EXPECT_EQ(::getsockname(network_.get(), reinterpret_cast<sockaddr*>(&local), &length), 0);
    port_ = ntohs(local.sin_port);
    victim_ = ::fork();
    if (victim_ == 0) {
      // Alone in its group, so that a signal to the group would be one to it.
      if (::setpgid(0, 0) != 0) ::_exit(1);
      for (;;) (void)::pause();
    }
    before_ = state();
  }
  ~Canary() {
    EXPECT_EQ(::kill(victim_, SIGKILL), 0);
    EXPECT_EQ(::waitpid(victim_, nullptr, 0), victim_);
  }

  std::string fill_in(std::string text) const {
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"@CANARY@", path()},
                                      {"@PID@", std::to_string(victim_)},
                                      {"@PORT@", std::to_string(port_)},
                                      {"@SOCKET@", abstract_}})
      for (size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
        text.replace(at, name.size(), value);
    return text;
  }

  // What was done to it, in words; "" for nothing.
  std::string harm() const {
    std::string words;
    if (state() != before_) words += "changed: " + before_ + "\n into: " + state() + "\n";
    int status = 0;
    if (::waitpid(victim_, &status, WNOHANG) != 0) words += "the process outside was killed\n";
    for (const auto& [socket, name] :
         {std::pair{&named_, "named"}, {&unnamed_, "abstract"}, {&network_, "TCP"}})
      if (Fd(::accept(socket->get(), nullptr, nullptr)))
        words += std::string("connected to the ") + name + " socket\n";
    return words;
  }

 private:
  const std::string& path() const { return scratch_.path(); }

  void make(const char* name, const char* text, mode_t mode) {
    std::ofstream(path() + "/" + name) << text;
    EXPECT_EQ(::fchmodat(scratch_.dir(), name, mode, 0), 0);
  }

  // Everything that must stay as it is.
  std::string state() const {
    std::string all;
    const auto add = [&](const std::string& path_of) {
      struct stat info {};
      if (::lstat(path_of.c_str(), &info) != 0) return (void)(all += path_of + " is missing\n");
      all += path_of + " " + std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + " " +
             std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
             std::to_string(info.st_mtim.tv_nsec) + " " + std::to_string(info.st_nlink) + "\n";
    };
    for (const char* name : {"", "/secret", "/victim", "/open", "/work", "/socket"}) add(path() + name);
    for (const char* name : {"/etc", "/etc/passwd", "/usr", "/usr/bin", "/dev"}) add(name);
    all += text_of(path() + "/victim") + "\n";
    for (const char* name : {"core_pattern", "modprobe", "hostname", "sysrq"})
      all += text_of(std::string("/proc/sys/kernel/") + name);
    return all;
  }

  Scratch scratch_;
  std::string abstract_;
  Fd named_, unnamed_, network_;
  int port_ = 0;
  pid_t victim_ = -1;
  std::string before_;
};

std::string told(const Outcome& outcome) {
  std::string text = std::string(verdict_name(outcome.verdict)) + " " + outcome.reason + "\n";
  for (const auto& deviation : outcome.deviations) text += deviation.where + ": " + deviation.observed + "\n";
  return text;
}

// Runs all of them with `privilege` as the calling user, one worker per case.
void attack(Privilege privilege) {
  Leftovers before = Leftovers::now();
  ::setenv("CI_SECRET", kToken, 1);
  {
    const Canary canary;
    const std::string file = OVLCHECK_SOURCE_DIR "/harness/run/hostile/hostile.json";
    PoolRequest request;
    request.program = OVLCHECK_PROGRAM;
    request.step_timeout = 3;
    request.sandbox.privilege = privilege;
    Session session(request, {"kernel", ""});
    for (const auto& c : read_cases(canary.fill_in(read_text(file)), file)) {
      const Outcome outcome = session.run(c);
      const std::string words = told(outcome);
      EXPECT_EQ(canary.harm(), "") << c.id << ": " << words;
      EXPECT_EQ(words.find(kToken), std::string::npos) << c.id << ": " << words;
      EXPECT_EQ(words.find("OWNED"), std::string::npos) << c.id << ": " << words;
      EXPECT_EQ(words.find("root:*:"), std::string::npos) << c.id << ": " << words;
      EXPECT_NE(outcome.verdict, Verdict::error) << c.id << ": " << words;
      EXPECT_TRUE(c.id != "descriptors" || outcome.verdict == Verdict::pass) << words;
    }
    // After all this the harness still does its work.
    const Outcome sane = session.run(case_from_json(
        Json::parse(
            R"({"id": "s", "title": "t", "clauses": ["X-1"], "lower": [{"f": "old"}], "steps": [{"unlink": "f"}]})"),
        "hostile", ""));
    EXPECT_EQ(sane.verdict, Verdict::pass) << told(sane);
  }
  EXPECT_EQ(before.difference(std::chrono::seconds(5)), "");
}

bool can_run(Privilege privilege) {
  PoolRequest request;
  request.program = OVLCHECK_PROGRAM;
  request.sandbox.privilege = privilege;
  request.subjects = {{"kernel", ""}};
  return probe(request).front().missing.empty();
}

TEST(Hostile, CasesTouchNothingFromAUserNamespace) {
  if (!can_run(Privilege::user_namespace)) GTEST_SKIP() << "no user namespaces";
  attack(Privilege::user_namespace);
}

TEST(Hostile, CasesTouchNothingAsRealRoot) {
  if (!is_root() || !can_run(Privilege::root)) GTEST_SKIP() << "needs real root";
  attack(Privilege::root);
}

TEST(Hostile, CasesTouchNothingAsAnOrdinaryUser) {
  if (!is_root()) GTEST_SKIP() << "is the test above for an ordinary user";
  in_child([] {
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setresgid(kOrdinary, kOrdinary, kOrdinary), 0);
    ASSERT_EQ(::setresuid(kOrdinary, kOrdinary, kOrdinary), 0);
    if (::access(OVLCHECK_PROGRAM, X_OK) != 0 || !can_run(Privilege::user_namespace)) return;
    attack(Privilege::user_namespace);
  });
}

}  // namespace
}  // namespace ovlcheck
