#include "harness/case/json.h"

#include <gtest/gtest.h>

#include <random>

namespace ovlcheck {
namespace {

TEST(JsonText, PlainTextStaysAsItIs) {
  EXPECT_EQ(text_from_bytes("hello\n"), "hello\n");
  EXPECT_EQ(text_from_bytes("ärger €𝄞"), "ärger €𝄞");
  EXPECT_EQ(bytes_from_text("ärger €𝄞"), "ärger €𝄞");
}

TEST(JsonText, NulIsAByteLikeAnyOther) {
  const std::string bytes("a\0b", 3);
  EXPECT_EQ(bytes_from_text(text_from_bytes(bytes)), bytes);
}

TEST(JsonText, InvalidBytesBecomePrivateCharacters) {
  EXPECT_EQ(text_from_bytes("\xff"), "\uf7ff");
  EXPECT_EQ(text_from_bytes("a\x80z"), "a\uf780z");
  EXPECT_EQ(bytes_from_text("\uf7ff\uf780"), "\xff\x80");
}

TEST(JsonText, RejectsOverlongSurrogatesAndTruncated) {
  for (const std::string bytes : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_EQ(text_from_bytes(bytes).size(), bytes.size() * 3) << "each byte is escaped";
}

TEST(JsonText, PrivateCharactersInBytesSurvive) {
  const std::string bytes = "x\uf7ffy";
  EXPECT_NE(text_from_bytes(bytes), bytes);
  EXPECT_EQ(bytes_from_text(text_from_bytes(bytes)), bytes);
}

TEST(JsonText, AnyBytesRoundTripAndAreValidJson) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 ? random() : 0xE0 + random() % 24);
    const std::string text = text_from_bytes(bytes);
    EXPECT_EQ(bytes_from_text(text), bytes);
    EXPECT_EQ(Json::parse(Json(text).dump()).get<std::string>(), text);
  }
}

TEST(SameJson, OrderOfMembersDoesNotMatter) {
  EXPECT_TRUE(same_json(Json::parse(R"({"a": 1, "b": [{"c": 1, "d": 2}]})"),
                        Json::parse(R"({"b": [{"d": 2, "c": 1}], "a": 1})")));
}

TEST(SameJson, OrderOfElementsAndEveryValueMatter) {
  EXPECT_FALSE(same_json(Json::parse("[1, 2]"), Json::parse("[2, 1]")));
  EXPECT_FALSE(same_json(Json::parse("[1]"), Json::parse("[1, 2]")));
  EXPECT_FALSE(same_json(Json::parse(R"({"a": 1})"), Json::parse(R"({"a": 2})")));
  EXPECT_FALSE(same_json(Json::parse(R"({"a": 1})"), Json::parse(R"({"b": 1})")));
  EXPECT_FALSE(same_json(Json::parse(R"({"a": 1})"), Json::parse(R"({"a": 1, "b": 1})")));
  EXPECT_FALSE(same_json(Json("1"), Json(1)));
}

}  // namespace
}  // namespace ovlcheck
