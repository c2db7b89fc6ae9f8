#include "harness/report/repro/repro.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "harness/case/problem.h"
#include "harness/case/test_folder.h"

namespace ovlcheck {
namespace {

Case case_of(const char* json) {
  return case_from_json(Json::parse(json), "rename", "");
}

const char* const kCase = R"({"id": "x", "title": "Renaming it moves it", "clauses": ["RENAME-1"],
  "lower": [{"d/": {"f": "hello"}}], "upper": {},
  "steps": [{"open": "d/f", "flags": "O_RDONLY", "as": "file"},
            {"rename": ["d/f", "d/g"], "flags": "RENAME_NOREPLACE", "note": "the file stays open"},
            {"read": "file", "count": 10, "expect": {"data": "hello"}},
            {"unlink": "d/f", "expect": "ENOENT"}],
  "after": {"merged": {"d/": {"g": "hello"}}, "upper": {"d/": {"g": "hello", "f": {"whiteout": true}}}}})";

std::string script(const Case& c, const std::string& subject) {
  return repro_script(c, parse_subject(subject),
                      {{"RENAME-1", "rename", "A renamed file is found by its new name.", "overlayfs.rst"}});
}

// The exit status of a command, its output thrown away.
int status_of(const std::string& command) {
  const int status = std::system((command + " >/dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(Repro, TellsTheCaseAndItsClauses) {
  const std::string text = script(case_of(kCase), "kernel:index=on");
  for (const char* part :
       {"#!/bin/sh\n# rename/x on kernel:index=on\n", "# Renaming it moves it.",
        "A renamed file is found by its new name.", "printf %s hello >lower0/d/f",
        "    # the file stays open\n", "lambda: rename(\"d/f\", \"d/g\", flags=RENAME_NOREPLACE)",
        "RENAME_NOREPLACE = 0x1\n", "lambda: open(\"d/f\", flags=O_RDONLY, keep_as=\"file\")",
        "mount(f\"lowerdir=lower0,upperdir=upper,workdir=work,index=on{USERXATTR}\")"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(Repro, HasOnlyTheFunctionsItNeeds) {
  const std::string text = script(case_of(kCase), "kernel");
  EXPECT_EQ(text.find("def fallocate("), std::string::npos);
  EXPECT_EQ(text.find("def become("), std::string::npos);
  EXPECT_EQ(text.find("def in_force("), std::string::npos);
}

TEST(Repro, MountsWithTheSubjectsOwnCommand) {
  const std::string text = script(case_of(kCase), "fuse-overlayfs");
  EXPECT_NE(text.find("mount([\"fuse-overlayfs\", \"-f\", \"-o\", "
                      "f\"lowerdir={DIR}/lower0,upperdir={DIR}/upper,workdir={DIR}/work\", "
                      "f\"{DIR}/merged\"])"),
            std::string::npos);
  EXPECT_NE(text.find("need fuse-overlayfs fuse-overlayfs\n"), std::string::npos);
}

TEST(Repro, RefusesWhatNoScriptCanStart) {
  EXPECT_THROW(script(case_of(kCase), "userlay"), BadCase);
  EXPECT_THROW(script(case_of(kCase), "no-such-subject"), BadCase);
  Case c = case_of(kCase);
  c.mount["redirect_dir"] = "on";
  EXPECT_THROW(script(c, "fuse-overlayfs"), BadCase);
}

class ReproRun : public testing::Test {
 protected:
  // Runs the script: 0 as expected, 1 deviates, 2 cannot be run here.
  int run(const Case& c) {
    folder_.put("case.sh", script(c, "kernel"));
    return status_of("sh " + folder_.path() + "/case.sh");
  }
  TestFolder folder_;
};

TEST_F(ReproRun, SaysAsExpectedAndDeviates) {
  const int status = run(case_of(kCase));
  if (status == 2) GTEST_SKIP() << "overlayfs cannot be mounted here";
  EXPECT_EQ(status, 0);
  // The same with expectations that cannot hold: scripts that never complain would show here.
  Json wrong = Json::parse(kCase);
  wrong["steps"][3]["expect"] = "ok";
  EXPECT_EQ(run(case_of(wrong.dump().c_str())), 1);
  wrong = Json::parse(kCase);
  wrong["after"]["merged"]["d/"]["g"] = "bye";
  EXPECT_EQ(run(case_of(wrong.dump().c_str())), 1);
  wrong = Json::parse(kCase);
  wrong["after"]["upper"]["d/"].erase("f");
  EXPECT_EQ(run(case_of(wrong.dump().c_str())), 1);
  wrong = Json::parse(kCase);
  wrong["steps"][2]["expect"]["data"] = "bye";
  EXPECT_EQ(run(case_of(wrong.dump().c_str())), 1);
}

TEST_F(ReproRun, PerformsTracksBarriersAndProgramsToo) {
  const Case c = case_of(R"({"id": "x", "title": "All at once", "clauses": [],
    "lower": [{"d/": {"f": "hello"}, "s": {"file": "#!/bin/sh\nexit $1\n", "mode": "0755"}}],
    "steps": [{"parallel": [[{"barrier": "b"}, {"put": "a", "data": "1", "flags": "O_CREAT"}],
                            [{"put": "b", "data": "2", "flags": "O_CREAT"}, {"barrier": "b"}]]},
              {"run": ["cat", "b"], "expect": {"stdout": "2"}},
              {"execve": "s", "args": ["3"], "expect": {"status": 3}},
              {"offline": "upper", "steps": [{"put": "c", "data": "3", "flags": "O_CREAT"}]},
              {"volume": "d", "tree": {"v": "x"}},
              {"readdir": "d", "expect": {"entries": ["v"]}},
              {"overlay": "two", "lower": ["merged/d", {"t": "T"}]},
              {"inside": "two", "steps": [{"unlink": "t"}]},
              {"tree": "two.upper", "expect": {"t": {"whiteout": true}}},
              {"remount": true},
              {"readdir": ".", "expect": {"entries": {"a": "file", "b": "file", "c": "file", "d": "dir", "s": "file"}}}]})");
  const int status = run(c);
  if (status == 2) GTEST_SKIP() << "overlayfs cannot be mounted here";
  EXPECT_EQ(status, 0);
}

// Parsing all of them takes long: every 20th has to do.
TEST(Repro, EveryShippedCaseBecomesAScriptThatParses) {
  if (status_of("python3 --version") != 0) GTEST_SKIP() << "there is no python3";
  const TestFolder folder;
  const auto cases = load_cases({OVLCHECK_SOURCE_DIR "/cases"});
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string text = script(cases[i], "kernel");
    if (i % 20 != 0) continue;
    const size_t start = text.find('\n', text.find("<<'END_OF_PYTHON'")) + 1;
    folder.put(std::to_string(i) + ".sh", text);
    folder.put(std::to_string(i) + ".py", text.substr(start, text.find("END_OF_PYTHON\n", start) - start));
  }
  EXPECT_EQ(status_of("cd " + folder.path() + " && for f in *.sh; do sh -n $f || exit 1; done"), 0);
  EXPECT_EQ(status_of("cd " + folder.path() +
                      " && python3 -c 'import glob; [compile(open(f).read(), f, \"exec\") for f in "
                      "glob.glob(\"*.py\")]'"),
            0);
}

}  // namespace
}  // namespace ovlcheck
