#include "harness/case/clauses.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

TEST(Clauses, AreRead) {
  const auto clauses = read_clauses(R"({"clauses": [
    {"id": "A-1", "group": "a", "text": "t", "source": "s", "since": "5.11"},
    {"id": "A-2", "group": "a", "text": "t", "source": "s", "untestable": "u"}]})",
                                    "clauses.json");
  ASSERT_EQ(clauses.size(), 2u);
  EXPECT_EQ(clauses[0].id, "A-1");
  EXPECT_EQ(clauses[0].since, "5.11");
  EXPECT_EQ(clauses[0].untestable, "");
  EXPECT_EQ(clauses[1].untestable, "u");
}

TEST(Clauses, IdsAreUnique) {
  try {
    read_clauses(
        "{\"clauses\": [\n{\"id\": \"A-1\", \"group\": \"a\", \"text\": \"t\", \"source\": \"s\"},\n"
        "{\"id\": \"A-1\", \"group\": \"a\", \"text\": \"t\", \"source\": \"s\"}]}",
        "c.json");
    ADD_FAILURE();
  } catch (const BadCase& bad) {
    EXPECT_STREQ(bad.what(), "c.json:3: /clauses/1/id: there is already a clause \"A-1\"");
  }
}

TEST(Clauses, SayWhatIsWrong) {
  try {
    read_clauses("{\"clauses\": [\n{\"id\": \"A-1\", \"group\": \"a\", \"text\": \"\", \"source\": \"s\"}]}",
                 "c.json");
    ADD_FAILURE();
  } catch (const BadCase& bad) {
    EXPECT_STREQ(bad.what(), "c.json:2: /clauses/0/text: must be what is required, one statement");
  }
  EXPECT_THROW(read_clauses("", "c.json"), BadCase);
  EXPECT_THROW(load_clauses("/nowhere/clauses.json"), BadCase);
}

}  // namespace
}  // namespace ovlcheck
