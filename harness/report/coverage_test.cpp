#include "harness/report/coverage.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

Case case_of(const char* json) {
  return case_from_json(Json::parse(json), "g", "");
}

Coverage covered_by(const char* steps) {
  return coverage_of({case_of(
      (R"({"id": "c", "lower": [{"f": "x", "d/": {}}, {"d/": {}}], "upper": {"f": "y"}, "steps": [)" +
       std::string(steps) + "]}")
          .c_str())});
}

using Counts = std::map<std::string, size_t>;

TEST(Coverage, CountsObjectsByTypeAndPlace) {
  const Coverage seen = covered_by(R"({"chmod": "f", "mode": "0600"}, {"chmod": "/d/", "mode": "0700"},
      {"mkdir": "n"}, {"chmod": "n", "mode": "0700"}, {"rename": ["f", "g"]}, {"open": "d", "as": "fd"}, {"fchmod": "fd", "mode": "0700"})");
  EXPECT_EQ(seen.at("chmod").objects, (Counts{{"file both", 1}, {"dir lowers", 1}, {"made before", 1}}));
  EXPECT_EQ(seen.at("mkdir").objects, (Counts{{"nothing", 1}}));
  EXPECT_EQ(seen.at("rename").objects, (Counts{{"file both", 1}, {"nothing", 1}}));
  EXPECT_EQ(seen.at("fchmod").objects, (Counts{{"dir lowers", 1}}));
  EXPECT_TRUE(seen.at("rmdir").cases.empty());
}

TEST(Coverage, CountsConstantsAndEveryExpectedResult) {
  const Coverage seen = covered_by(R"({"open": "f", "flags": "O_RDWR|O_CREAT", "expect": ["EPERM", "EACCES"]},
      {"open": "f", "flags": "O_RDWR", "expect": {"if": {"samefs": true}, "then": {"x": 1}, "else": "EIO"}},
      {"inside": "two", "steps": [{"unlink": "f", "expect": "ENOENT"}]},
      {"offline": "upper", "steps": [{"rmdir": "d", "expect": "EIO"}]})");
  EXPECT_EQ(seen.at("open").constants.at("flags"), (Counts{{"O_RDWR", 2}, {"O_CREAT", 1}}));
  EXPECT_EQ(seen.at("open").results, (Counts{{"EPERM", 1}, {"EACCES", 1}, {"ok", 1}, {"EIO", 1}}));
  EXPECT_EQ(seen.at("unlink").results, (Counts{{"ENOENT", 1}}));
  EXPECT_TRUE(seen.at("unlink").objects.empty());
  EXPECT_TRUE(seen.at("rmdir").results.empty());
  EXPECT_FALSE(seen.contains("offline"));
}

TEST(Coverage, TellsWhatIsUnexplained) {
  const Coverage seen = covered_by(R"({"unlink": "f", "expect": "ENOENT"})");
  const std::vector<KnownErrno> errnos = {{{"rmdir", "unlink"}, "ENOENT", "s", "w", ""},
                                          {{"unlink"}, "EIO", "s", "w", "needs a fault"},
                                          {{"unlink"}, "ESTALE", "dir.c f", "it moved", ""}};
  ASSERT_EQ(unexplained(seen, errnos).size(), 1u);
  const std::string page = coverage_page(seen, errnos);
  EXPECT_NE(page.find("ESTALE of unlink: it moved (dir.c f): UNEXPLAINED\n"), page.npos) << page;
  EXPECT_NE(page.find("3 errors: 1 seen, 1 explained, 1 unexplained\n"), page.npos) << page;
  EXPECT_NE(page.find("unlink  1 cases\n  on file both 1\n  gives ENOENT 1\n"), page.npos) << page;
}

TEST(Coverage, OfTheSuiteLeavesNoErrorUnexplained) {
  const std::string cases = OVLCHECK_SOURCE_DIR "/cases";
  const Coverage seen = coverage_of(load_cases({cases}));
  const auto errnos = load_errnos(cases + "/errnos.json");
  for (const KnownErrno* known : unexplained(seen, errnos))
    ADD_FAILURE() << known->error << " of " << known->operations[0]
                  << ": write a case, or say in errnos.json why none can see it";
}

}  // namespace
}  // namespace ovlcheck
