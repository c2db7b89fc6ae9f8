// Reports that are XML, held against what others demand of them.
#include "harness/report/xml.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "harness/report/chart.h"
#include "harness/report/lists.h"
#include "harness/report/sample_run.h"

namespace ovlcheck {
namespace {

// What xmllint says about `text`, "" if nothing; `options` as its command line has them.
std::string complaints(const std::string& text, const std::string& options = "") {
  std::string file = ::testing::TempDir() + "ovlcheck-xml-XXXXXX";
  close(mkstemp(file.data()));
  std::ofstream(file) << text;
  FILE* xmllint = popen(("xmllint --noout " + options + " " + file + " 2>&1").c_str(), "r");
  std::string said;
  for (char buffer[256]; fgets(buffer, sizeof buffer, xmllint);) said += buffer;
  const int status = pclose(xmllint);
  std::filesystem::remove(file);
  return status == 0 ? "" : said;
}

class Xml : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v xmllint >/dev/null") != 0)
      GTEST_SKIP() << "no xmllint: apt-get install libxml2-utils";
  }
  static constexpr const char* kSchema = "--schema " OVLCHECK_SOURCE_DIR "/harness/report/junit.xsd";
};

TEST_F(Xml, JUnitReportsFollowTheSchema) {
  ovlcheck::Run run = sample_run();
  run.outcomes[0].title = "<&\"'\n\x01";
  run.outcomes[5].verdict = Verdict::fail;
  run.outcomes[5].listed = "known & <listed>";
  EXPECT_EQ(complaints(junit_report(run), kSchema), "");
}

TEST_F(Xml, TheSchemaRefusesWhatIsNoReport) {
  std::string report = junit_report(sample_run());
  const size_t at = report.find("tests=\"");
  EXPECT_NE(complaints(report.substr(0, at) + "x" + report.substr(at), kSchema), "");
}

TEST_F(Xml, ChartsAreWellFormed) {
  ovlcheck::Run run = sample_run();
  run.subjects[0].name = "a<b>&c";
  const std::string chart = chart_report(run);
  EXPECT_EQ(complaints(chart), "");
  EXPECT_NE(chart.find(">1/2<"), std::string::npos) << chart;
}

}  // namespace
}  // namespace ovlcheck
