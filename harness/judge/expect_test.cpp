#include "harness/judge/expect.h"

#include <gtest/gtest.h>

#include "harness/case/problem.h"
#include "harness/judge/traces.h"

namespace ovlcheck {
namespace {

Json with_expect(Json step, const Json& expect) {
  step["expect"] = expect;
  return step;
}

// What a step that expects `expect` and did `result` is told: "" if it is met, else "EXPECTED | OBSERVED".
std::string told(const Json& expect, const StepResult& result, const Json& step = {{"stat", "f"}},
                 const Facts& about = facts()) {
  Expectations expectations(about);
  const auto mismatch = expectations.check(case_of({with_expect(step, expect)}).steps[0], result);
  return mismatch ? mismatch->expected + " | " + mismatch->observed : "";
}

bool met(const Json& expect, const StepResult& result) {
  return told(expect, result).empty();
}

TEST(Expect, Ok) {
  EXPECT_EQ(told("ok", did()), "");
  EXPECT_EQ(told("ok", failed_with(ENOENT)), "ok | ENOENT");
}

TEST(Expect, AnErrno) {
  EXPECT_EQ(told("EXDEV", failed_with(EXDEV)), "");
  EXPECT_EQ(told("EXDEV", failed_with(ENOENT)), "EXDEV | ENOENT");
  EXPECT_EQ(told("EXDEV", did({{"size", 5}})), "EXDEV | ok, size 5");
  EXPECT_THROW((void)told("EXDEVIL", did()), BadCase);
}

TEST(Expect, Any) {
  EXPECT_TRUE(met("any", did()));
  EXPECT_TRUE(met("any", failed_with(EIO)));
}

TEST(Expect, MembersAreLiteral) {
  const StepResult result = did({{"data", "hello"}, {"size", 5}, {"mode", "0644"}});
  EXPECT_EQ(told({{"data", "hello"}, {"size", 5}}, result), "");
  EXPECT_EQ(told({{"data", "jello"}, {"size", 5}}, result), "data \"jello\" | data \"hello\"");
  EXPECT_EQ(told({{"data", "jello"}, {"size", 6}}, result),
            "data \"jello\", size 6 | data \"hello\", size 5");
  EXPECT_EQ(told({{"nlink", 1}}, result), "nlink 1 | no nlink");
  EXPECT_TRUE(met({{"mode", "644"}}, result));
  EXPECT_FALSE(met({{"mode", "0664"}}, result));
  EXPECT_FALSE(met({{"mode", "0644x"}}, result));
  EXPECT_FALSE(met({{"size", "5"}}, result));
  EXPECT_FALSE(met({{"data", "hello"}}, failed_with(EIO)));
  EXPECT_FALSE(met({{"data", "hello"}}, did()));
  EXPECT_FALSE(met(Json::object(), failed_with(EIO)));
}

TEST(Expect, TimesWithAndWithoutNanoseconds) {
  EXPECT_TRUE(met({{"mtime", 5}}, did({{"mtime", {5, 0}}})));
  EXPECT_TRUE(met({{"mtime", {5, 0}}}, did({{"mtime", 5}})));
  EXPECT_FALSE(met({{"mtime", 5}}, did({{"mtime", {5, 1}}})));
  EXPECT_TRUE(met({{"mtime", {{"at_least", 5}}}}, did({{"mtime", {5, 1}}})));
  EXPECT_FALSE(met({{"mtime", {{"at_most", 5}}}}, did({{"mtime", {5, 1}}})));
}

TEST(Expect, BytesThatAreWrittenInTwoWays) {
  EXPECT_TRUE(met({{"data", "\uf7c3\uf7a9"}}, did({{"data", "é"}})));
  EXPECT_FALSE(met({{"data", "\uf7c3"}}, did({{"data", "é"}})));
}

TEST(Expect, EntriesAndNamesAreSets) {
  const StepResult result = did({{"entries", {"b", "a"}}, {"names", {"user.b", "user.a"}}});
  EXPECT_TRUE(met({{"entries", {"a", "b"}}, {"names", {"user.a", "user.b"}}}, result));
  EXPECT_FALSE(met({{"entries", {"a"}}}, result));
  EXPECT_FALSE(met({{"entries", {"a", "b", "c"}}}, result));
  EXPECT_FALSE(met({{"names", {"user.a", "user.c"}}}, result));
  EXPECT_FALSE(met({{"entries", {"a", "b"}}}, did({{"entries", {"a", "a", "b"}}}))) << "listed twice";
  EXPECT_FALSE(met({{"events", {"a", "b"}}}, did({{"events", {"b", "a"}}}))) << "events have an order";
}

TEST(Expect, Bounds) {
  const StepResult result = did({{"size", 5}});
  EXPECT_TRUE(met({{"size", {{"at_least", 5}, {"at_most", 5}}}}, result));
  EXPECT_EQ(told({{"size", {{"at_least", 6}}}}, result), "size at least 6 | size 5");
  EXPECT_FALSE(met({{"size", {{"at_most", 4}}}}, result));
  EXPECT_FALSE(met({{"size", {{"at_least", 1}, {"at_most", 4}}}}, result));
  EXPECT_FALSE(met({{"size", {{"at_least", 1}}}}, did({{"size", "5"}})));
}

TEST(Expect, ContainsAndLacks) {
  const StepResult result = did({{"names", {"user.a", "user.b"}}, {"data", "hello"}});
  EXPECT_TRUE(met({{"names", {{"contains", "user.a"}, {"lacks", "user.c"}}}}, result));
  EXPECT_FALSE(met({{"names", {{"contains", "user.c"}}}}, result));
  EXPECT_FALSE(met({{"names", {{"lacks", "user.a"}}}}, result));
  EXPECT_TRUE(met({{"names", {{"contains", {"user.a", "user.b"}}}}}, result));
  EXPECT_FALSE(met({{"names", {{"contains", {"user.a", "user.c"}}}}}, result));
  EXPECT_FALSE(met({{"names", {{"lacks", {"user.a", "user.c"}}}}}, result));
  EXPECT_TRUE(met({{"data", {{"contains", "ell"}}}}, result));
  EXPECT_FALSE(met({{"data", {{"contains", "elk"}}}}, result));
  EXPECT_FALSE(met({{"data", {{"lacks", "ell"}}}}, result));
  EXPECT_FALSE(met({{"size", {{"lacks", "x"}}}}, did({{"size", 5}})));
  EXPECT_FALSE(met({{"value", {{"lacks", "x"}}}}, result)) << "what is not there lacks nothing";
}

// A listing as readdir has it.
StepResult listing(const std::vector<std::pair<std::string, std::string>>& entries) {
  Json names = Json::array(), types = Json::object();
  for (const auto& [name, type] : entries) {
    names.push_back(name);
    types[name] = type;
  }
  return did({{"entries", names}, {"types", types}, {"inos", {{"x", 1}}}, {"next", 5}});
}

TEST(Expect, EntriesByNameOrByNameAndType) {
  const StepResult result = listing({{"b", "dir"}, {"a", "file"}});
  EXPECT_TRUE(met({{"entries", {"a", "b"}}}, result));
  EXPECT_EQ(told({{"entries", {"a", "c"}}}, result), "entries [\"a\",\"c\"] | entries [\"b\",\"a\"]");
  EXPECT_TRUE(met({{"entries", {{"a", "file"}, {"b", "dir"}}}}, result));
  EXPECT_EQ(told({{"entries", {{"a", "file"}, {"b", "file"}}}}, result),
            "entries {\"a\":\"file\",\"b\":\"file\"} | entries {\"b\":\"dir\",\"a\":\"file\"}");
  EXPECT_FALSE(met({{"entries", {{"a", "file"}}}}, result));
  EXPECT_FALSE(met({{"entries", Json::object()}}, result)) << "an empty object is an empty directory";
  EXPECT_TRUE(met({{"entries", Json::object()}}, listing({})));
  EXPECT_TRUE(met({{"entries", {{"contains", "a"}, {"lacks", "c"}}}}, result));
  EXPECT_FALSE(met({{"entries", {{"contains", "c"}}}}, result));
  EXPECT_FALSE(met({{"entries", {{"lacks", "a"}}}}, result));
  EXPECT_EQ(in_words(result), "ok, entries [\"b\",\"a\"], types {\"b\":\"dir\",\"a\":\"file\"}");
}

TEST(Expect, AnEntryThatIsListedTwiceIsOneTooMany) {
  const StepResult result = listing({{"a", "file"}, {"a", "file"}});
  EXPECT_FALSE(met({{"entries", {"a"}}}, result));
  EXPECT_FALSE(met({{"entries", {"a", "b"}}}, result));
  EXPECT_FALSE(met({{"entries", {{"a", "file"}}}}, result));
  EXPECT_FALSE(met({{"entries", {{"a", "file"}, {"b", "file"}}}}, result));
}

TEST(Expect, AnEntryWithoutATypeHasNone) {
  EXPECT_FALSE(met({{"entries", {{"a", "file"}}}}, did({{"entries", Json::array({"a"})}})));
}

TEST(Expect, FlagsAreASet) {
  EXPECT_TRUE(met({{"flags", {"FS_IMMUTABLE_FL", "FS_APPEND_FL"}}},
                  did({{"flags", {"FS_APPEND_FL", "FS_IMMUTABLE_FL"}}})));
}

TEST(Expect, OneOf) {
  EXPECT_TRUE(met({{"type", {{"one_of", {"file", "dir"}}}}}, did({{"type", "dir"}})));
  EXPECT_EQ(told({{"type", {{"one_of", {"file", "dir"}}}}}, did({{"type", "fifo"}})),
            "type one of [\"file\",\"dir\"] | type \"fifo\"");
}

TEST(Expect, ProgramsMustSucceedUnlessToldOtherwise) {
  const Json run = {{"run", {"mv", "a", "b"}}};
  const StepResult failed = did({{"status", 1}, {"stdout", ""}, {"stderr", "no"}});
  EXPECT_EQ(told("ok", did({{"status", 0}}), run), "");
  EXPECT_EQ(told("ok", failed, run), "ok | ok, status 1, stdout \"\", stderr \"no\"");
  EXPECT_NE(told({{"stdout", ""}}, failed, run), "");
  EXPECT_EQ(told({{"stdout", ""}, {"status", 1}}, failed, run), "");
}

TEST(Expect, Alternatives) {
  const Json expect = {"EXDEV", {{"size", 5}}};
  EXPECT_TRUE(met(expect, failed_with(EXDEV)));
  EXPECT_TRUE(met(expect, did({{"size", 5}})));
  EXPECT_FALSE(met(expect, did({{"size", 6}})));
  EXPECT_FALSE(met(expect, failed_with(EIO)));
}

// Is the condition found to hold?
bool holds(const Json& condition, const Facts& about = facts()) {
  const Json expect = {{"if", condition}, {"then", "EXDEV"}, {"else", "EIO"}};
  const bool then = told(expect, failed_with(EXDEV), {{"stat", "f"}}, about).empty();
  EXPECT_EQ(told(expect, failed_with(EIO), {{"stat", "f"}}, about).empty(), !then);
  return then;
}

TEST(Conditions, OnOptions) {
  EXPECT_TRUE(holds({{"options", {{"redirect_dir", "on"}}}}));
  EXPECT_FALSE(holds({{"options", {{"redirect_dir", "off"}}}}));
  EXPECT_TRUE(holds({{"options", {{"redirect_dir", {"follow", "on"}}}}}));
  EXPECT_FALSE(holds({{"options", {{"redirect_dir", {"follow", "off"}}}}}));
  EXPECT_FALSE(holds({{"options", {{"redirect_dir", "on"}, {"index", "on"}}}}));
  EXPECT_FALSE(holds({{"options", {{"metacopy", "off"}}}}));
  EXPECT_TRUE(holds({{"options", {{"volatile", true}}}}));
  EXPECT_FALSE(holds({{"options", {{"volatile", false}}}}));
  EXPECT_TRUE(holds({{"options", {{"metacopy", false}, {"index", false}}}}));
  EXPECT_FALSE(holds({{"options", {{"index", true}}}}));
}

TEST(Conditions, OnKernel) {
  EXPECT_TRUE(holds({{"kernel", ">=5.11"}}));
  EXPECT_FALSE(holds({{"kernel", ">=6.8"}}));
  Facts other = facts();
  other.kernel = "";
  EXPECT_TRUE(holds({{"kernel", ">=6.8"}}, other)) << "not the kernel: as the newest";
  EXPECT_FALSE(holds({{"kernel", "<6.8"}}, other));
}

TEST(Conditions, OnPrivilegeAndFileSystem) {
  EXPECT_TRUE(holds({{"privilege", "root"}, {"fs", "tmpfs"}, {"samefs", true}}));
  EXPECT_FALSE(holds({{"privilege", "userns"}}));
  EXPECT_FALSE(holds({{"fs", "ext4"}}));
  EXPECT_TRUE(holds({{"fs", Json::array({"ext4", "tmpfs"})}}));
  EXPECT_FALSE(holds({{"fs", Json::array({"ext4", "xfs"})}}));
  EXPECT_FALSE(holds({{"samefs", false}}));
  EXPECT_THROW((void)holds({{"moon", "full"}}), BadCase);
}

TEST(Conditions, WithoutElseTheStepMustWork) {
  const Json expect = {{"if", {{"fs", "ext4"}}}, {"then", "EIO"}};
  EXPECT_TRUE(met(expect, did()));
  EXPECT_FALSE(met(expect, failed_with(EIO)));
}

TEST(Conditions, Nest) {
  const Json inner = {{"if", {{"privilege", "root"}}}, {"then", {"EIO", "EPERM"}}, {"else", "ok"}};
  const Json expect = {{"if", {{"fs", "tmpfs"}}}, {"then", inner}, {"else", "ok"}};
  EXPECT_TRUE(met(expect, failed_with(EPERM)));
  EXPECT_FALSE(met(expect, did()));
}

// What the second of two steps is told that compares with the first, called "a".
std::string told_after(const StepResult& first, const Json& expect, const StepResult& second) {
  const Facts about = facts();
  Expectations expectations(about);
  const Case c = case_of({{{"stat", "f"}, {"as", "a"}}, with_expect({{"stat", "g"}}, expect)});
  EXPECT_FALSE(expectations.check(c.steps[0], first));
  const auto mismatch = expectations.check(c.steps[1], second);
  return mismatch ? mismatch->expected + " | " + mismatch->observed : "";
}

TEST(References, SameAsAndDiffersFrom) {
  const Json same = {{"ino", {{"same_as", "a.ino"}}}}, differs = {{"ino", {{"differs_from", "a.ino"}}}};
  const StepResult five = did({{"ino", 5}}), six = did({{"ino", 6}});
  EXPECT_EQ(told_after(five, same, five), "");
  EXPECT_EQ(told_after(five, same, six), "ino same as a.ino (5) | ino 6");
  EXPECT_EQ(told_after(five, differs, six), "");
  EXPECT_EQ(told_after(five, differs, five), "ino differs from a.ino (5) | ino 5");
}

TEST(References, ToListings) {
  const Json same = {{"entries", {{"same_as", "a.entries"}}}};
  EXPECT_EQ(told_after(listing({{"a", "file"}, {"b", "dir"}}), same, listing({{"b", "dir"}, {"a", "file"}})),
            "");
  EXPECT_NE(told_after(listing({{"a", "file"}, {"b", "dir"}}), same, listing({{"a", "file"}})), "");
}

TEST(References, ToWhatIsNotThere) {
  const StepResult five = did({{"ino", 5}});
  EXPECT_NE(told_after(five, {{"ino", {{"same_as", "a.dev"}}}}, five), "");
  EXPECT_NE(told_after(five, {{"ino", {{"differs_from", "a.dev"}}}}, five), "");
  EXPECT_NE(told_after(did(), {{"ino", {{"differs_from", "a.ino"}}}}, five), "");
  EXPECT_THROW((void)told_after(five, {{"ino", {{"same_as", "b.ino"}}}}, five), BadCase);
}

TEST(References, IntoMembersOfMembers) {
  const StepResult listing = did({{"inos", {{"x.y", 5}}}});
  EXPECT_EQ(told_after(listing, {{"ino", {{"same_as", "a.inos.x.y"}}}}, did({{"ino", 5}})), "");
  EXPECT_NE(told_after(listing, {{"ino", {{"same_as", "a.inos.x.y"}}}}, did({{"ino", 6}})), "");
}

TEST(TreeSteps, AreComparedAsTrees) {
  const Facts about = facts();
  Expectations expectations(about);
  const Case c = case_of({{{"tree", "upper"}, {"expect", {{"f", "x"}}}}});
  EXPECT_FALSE(expectations.check(c.steps[0], did({{"f", "x"}})));
  const auto mismatch = expectations.check(c.steps[0], did({{"f", "y"}}));
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->tree, (std::vector<TreeDifference>{{"f", "content", "\"x\"", "\"y\""}}));
}

TEST(TreeSteps, MayDependOnConditions) {
  const Facts about = facts();
  Expectations expectations(about);
  const Json expect = {{"if", {{"fs", "tmpfs"}}}, {"then", {{"f", "x"}}}, {"else", Json::object()}};
  const Case c = case_of({{{"tree", "upper"}, {"expect", expect}}});
  EXPECT_FALSE(expectations.check(c.steps[0], did({{"f", "x"}})));
  EXPECT_TRUE(expectations.check(c.steps[0], did(Json::object())));
}

TEST(InWords, LongValuesAreCut) {
  const std::string words = in_words(did({{"data", std::string(199, 'x') + "ééé" + std::string(1000, 'x')}}));
  EXPECT_LT(words.size(), 260u);
  EXPECT_GT(words.size(), 190u);
  EXPECT_EQ(words, bytes_from_text(text_from_bytes(words))) << "cut between characters";
  EXPECT_NE(words.find("bytes)"), std::string::npos);
}

}  // namespace
}  // namespace ovlcheck
