// ovlcheck_gtest: every (subject, case) pair as a GoogleTest test, so that filters, shards, repetition and
// XML output work as they do everywhere. Options beside GoogleTest's own are those of `ovlcheck run`:
// --subject, --cases, --filter, --privilege, --scratch, --timeout.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "adapters/adapter.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"
#include "harness/report/terminal.h"
#include "harness/run/session.h"

namespace ovlcheck {
namespace {

class CaseTest : public testing::Test {
 public:
  CaseTest(Session& session, const Case& c) : session_(session), case_(c) {}

  void TestBody() override {
    const Outcome outcome = session_.run(case_);
    if (outcome.verdict == Verdict::skip) GTEST_SKIP() << outcome.reason;
    if (outcome.verdict != Verdict::pass)
      ADD_FAILURE() << terminal_finding({&outcome, {outcome.subject}}, {});
  }

 private:
  Session& session_;
  const Case& case_;
};

// GoogleTest's filters give "-", ":", "*" and "?" a meaning.
std::string test_name(const std::string& text) {
  std::string name;
  for (char c : text) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

int run(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  CLI::App app("Every (subject, case) pair as a GoogleTest test", "ovlcheck_gtest");
  CaseSelection selection;
  PoolRequest request;
  std::vector<std::string> subjects;
  std::string privilege = "auto";
  selection.add_options(app);
  app.add_option("--subject", subjects, "Subjects; may be repeated (default: all)")->type_name("NAME");
  app.add_option("--privilege", privilege, "auto, userns, root or none")->capture_default_str();
  app.add_option("--scratch", request.sandbox.scratch, "Directory to work in instead of a private tmpfs")
      ->type_name("DIR");
  app.add_option("--timeout", request.step_timeout, "Seconds a step may take")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  request.sandbox.privilege = privilege_from_name(privilege);
  request.program = std::filesystem::path(own_program()).parent_path() / "ovlcheck";
  if (subjects.empty()) subjects = known_subjects();

  const std::vector<Case> cases = selection.load();
  std::map<std::string, Session> sessions;
  std::set<std::string> names;
  for (const auto& subject : subjects) {
    Session& session = sessions.try_emplace(subject, request, SubjectRequest{subject, ""}).first->second;
    for (const auto& c : cases) {
      std::string name = test_name(c.name());
      while (!names.insert(subject + "." + name).second) name += "_";
      testing::RegisterTest(test_name(subject).c_str(), name.c_str(), nullptr, c.name().c_str(),
                            c.file.c_str(), 0,
                            [&session, &c]() -> testing::Test* { return new CaseTest(session, c); });
    }
  }
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace ovlcheck

int main(int argc, char** argv) {
  try {
    return ovlcheck::run(argc, argv);
  } catch (const ovlcheck::BadCase& bad) {
    for (const auto& problem : bad.problems)
      std::fprintf(stderr, "ovlcheck_gtest: %s\n", to_string(problem).c_str());
    return ovlcheck::kBadInput;
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "ovlcheck_gtest: %s\n", broken.what());
    return ovlcheck::kBroken;
  }
}
