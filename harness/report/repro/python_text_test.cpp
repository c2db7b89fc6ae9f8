#include "harness/report/repro/python_text.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(PythonText, KeepsPlainTextAndEscapesTheRest) {
  EXPECT_EQ(python_text("d/f"), "\"d/f\"");
  EXPECT_EQ(python_text("a\"b\\c\nd\te\x01"), "\"a\\\"b\\\\c\\nd\\te\\x01\"");
}

TEST(PythonText, WritesBytesThatAreNotUtf8AsSurrogates) {
  EXPECT_EQ(python_text(text_from_bytes("a\xff")), "\"a\\udcff\"");
  EXPECT_EQ(python_text(text_from_bytes("\x80")), "\"\\udc80\"");
  EXPECT_EQ(python_text(text_from_bytes("\xbf")), "\"\\udcbf\"");
  EXPECT_EQ(python_text(text_from_bytes("\xc0")), "\"\\udcc0\"");
}

TEST(PythonText, ShortensOneCharacterRepeated) {
  EXPECT_EQ(python_text(std::string(255, 'n')), "\"n\" * 255");
  EXPECT_EQ(python_bytes(std::string(4096, 'x')), "b\"x\" * 4096");
}

TEST(PythonText, FormatsOnlyTheVariablesItKnows) {
  EXPECT_EQ(python_format("lowerdir={DIR}/lower0", {"DIR"}), "f\"lowerdir={DIR}/lower0\"");
  EXPECT_EQ(python_format("a{b}{DIR}", {"DIR"}), "f\"a{{b}}{DIR}\"");
  EXPECT_EQ(python_format("a{b}", {"DIR"}), "\"a{b}\"");
}

TEST(PythonText, WritesJsonAsPythonLiterals) {
  const Json value = Json::parse(R"({"if": {"a": [true, null]}, "n": -1})");
  EXPECT_EQ(python_literal(value), "{\"if\": {\"a\": [True, None]}, \"n\": -1}");
}

TEST(PythonText, WritesATreeAsPaths) {
  const Tree tree = tree_from_json(
      Json::parse(
          R"({"d/": {".": {"opaque": true, "mode": "0700"}, "f": "x", "gone": false}, "w": {"whiteout": true}})"),
      "");
  const std::string text = python_tree(tree, 0);
  EXPECT_NE(text.find(R"("d": {"type": "dir", "mode": 0o700, "opaque": "y"},)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("d/f": {"type": "file", "content": b"x"},)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("d/gone": {"absent": True},)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("w": {"type": "whiteout"},)"), std::string::npos) << text;
}

}  // namespace
}  // namespace ovlcheck
