// Expectations and conditions in words.
#include <fmt/format.h>

#include "harness/case/layout.h"
#include "harness/case/print.h"
#include "harness/case/print_words.h"

namespace ovlcheck {
namespace {

std::string value_in_words(const Json& value) {
  if (value.is_string()) return quote(value.get_ref<const std::string&>());
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const Json& item : value) items.push_back(value_in_words(item));
    return "[" + fmt::format("{}", fmt::join(items, ", ")) + "]";
  }
  if (!value.is_object()) return value.dump();
  std::vector<std::string> members;
  for (const auto& [name, inner] : value.items())
    members.push_back(
        path_in_words(name) + ": " +
        (inner.is_string() ? path_in_words(inner.get_ref<const std::string&>()) : value_in_words(inner)));
  return "{" + fmt::format("{}", fmt::join(members, ", ")) + "}";
}

std::string with_or(std::vector<std::string> words) {
  if (words.empty()) return "nothing";
  const std::string last = words.back();
  words.pop_back();
  return words.empty() ? last : fmt::format("{} or {}", fmt::join(words, ", "), last);
}

std::string alternatives(const Json& values) {
  if (!values.is_array()) return value_in_words(values);
  std::vector<std::string> words;
  for (const Json& value : values) words.push_back(value_in_words(value));
  return with_or(std::move(words));
}

// "the same as a.ino"; "" if `name` is no relation.
std::string relation_in_words(const std::string& name, const Json& value) {
  const auto plain = [&] { return value.is_string() ? value.get<std::string>() : value_in_words(value); };
  if (name == "same_as") return "the same as " + plain();
  if (name == "differs_from") return "other than " + plain();
  if (name == "at_least") return "at least " + value_in_words(value);
  if (name == "at_most") return "at most " + value_in_words(value);
  if (name == "contains") return "with " + value_in_words(value);
  if (name == "lacks") return "without " + value_in_words(value);
  if (name == "one_of") return alternatives(value);
  return "";
}

std::string expected_value(const Json& value) {
  if (!value.is_object() || value.empty()) return value_in_words(value);
  std::vector<std::string> words;
  for (const auto& [name, operand] : value.items()) {
    words.push_back(relation_in_words(name, operand));
    if (words.back().empty()) return value_in_words(value);
  }
  return fmt::format("{}", fmt::join(words, " and "));
}

// A member's literal value: times as one number, modes and types without quotes.
std::string member_in_words(const std::string& name, const Json& value) {
  const bool is_time = name == "mtime" || name == "atime" || name == "ctime" || name == "btime";
  if (is_time && value.is_array() && value.size() == 2 && value[1].is_number_unsigned())
    return fmt::format("{}.{:09}", value[0].dump(), value[1].get<uint64_t>());
  if ((name == "type" || name == "mode") && value.is_string())
    return path_in_words(value.get_ref<const std::string&>());
  return expected_value(value);
}

std::string members_in_words(const Json& members) {
  if (members.size() == 1 && members.contains("data")) return "read " + expected_value(members.at("data"));
  std::vector<std::string> words;
  for (const auto& [name, value] : members.items())
    words.push_back(name + " " + member_in_words(name, value));
  return words.empty() ? "succeed" : fmt::format("give {}", fmt::join(words, ", "));
}

// What follows "must": "fail with EXDEV".
std::string verb_in_words(const Json& expect) {
  if (expect == "ok") return "succeed";
  if (expect == "any") return "end in any way";
  if (expect.is_string()) return "fail with " + expect.get<std::string>();
  if (expect.is_array()) {
    std::vector<std::string> words, errors;
    for (const Json& alternative : expect) {
      if (alternative.is_string() && alternative != "ok" && alternative != "any")
        errors.push_back(alternative.get<std::string>());
      else
        words.push_back(verb_in_words(alternative));
    }
    if (!errors.empty()) words.push_back("fail with " + with_or(std::move(errors)));
    return with_or(std::move(words));
  }
  if (is_conditional(expect)) {
    std::string words = verb_in_words(expect.at("then")) + " if " + condition_in_words(expect.at("if"));
    return expect.contains("else") ? words + ", else " + verb_in_words(expect.at("else")) : words;
  }
  return expect.is_object() ? members_in_words(expect) : "succeed";
}

std::string option_in_words(const std::string& name, const Json& value) {
  if (value.is_boolean()) return name + (value.get<bool>() ? " is set" : " is not set");
  const auto plain = [](const Json& one) {
    return one.is_string() ? path_in_words(one.get_ref<const std::string&>()) : one.dump();
  };
  std::vector<std::string> words;
  if (!value.is_array()) return name + " is " + plain(value);
  for (const Json& one : value) words.push_back(plain(one));
  return name + " is " + with_or(std::move(words));
}

}  // namespace

bool is_conditional(const Json& json) {
  return json.is_object() && json.contains("if") && json.contains("then");
}

std::string condition_in_words(const Json& condition) {
  std::vector<std::string> words;
  for (const auto& [name, value] : condition.items()) {
    if (name == "options")
      for (const auto& [option, wanted] : value.items()) words.push_back(option_in_words(option, wanted));
    else if (name == "kernel")
      words.push_back("the kernel is " + value.get<std::string>());
    else if (name == "privilege")
      words.push_back(value == "root" ? "run by real root" : "run in a user namespace");
    else if (name == "fs")
      words.push_back(option_in_words("the scratch file system", value));
    else if (name == "samefs")
      words.push_back(value == true ? "all layers are on one file system"
                                    : "the layers are on several file systems");
  }
  return fmt::format("{}", fmt::join(words, " and "));
}

std::string describe_expectation(const Json& expect) {
  return expect == "any" ? "may succeed or fail" : "must " + verb_in_words(expect);
}

}  // namespace ovlcheck
