#include "harness/judge/expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/case/tree.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

constexpr size_t kShownText = 200;
// Subjects that are not the kernel are judged like a kernel newer than any.
constexpr const char* kNewestKernel = "999999";

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kShownText) return text;
  size_t end = kShownText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole characters
  return fmt::format("{}... ({} bytes)", text.substr(0, end), text.size());
}

bool is_conditional(const Json& expect) {
  return expect.is_object() && expect.contains("if") && expect.contains("then");
}

bool is_relation(std::string_view key) {
  for (std::string_view name :
       {"same_as", "differs_from", "at_least", "at_most", "contains", "lacks", "one_of"})
    if (key == name) return true;
  return false;
}

bool is_relations(const Json& expected) {
  if (!expected.is_object() || expected.empty()) return false;
  for (const auto& [key, value] : expected.items())
    if (!is_relation(key)) return false;
  return true;
}

// Lists whose order means nothing.
bool is_set(std::string_view member) {
  return member == "entries" || member == "names" || member == "flags" || member == "attributes";
}

std::optional<unsigned> octal(const Json& json) {
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A directory listing as an object, name to type; a name that is listed twice has no type that could be
// right.
Json entry_types(const Json& result) {
  Json types = Json::object();
  const Json known = result.value("types", Json::object());
  for (const Json& name : result.at("entries")) {
    auto [entry, is_new] =
        types.emplace(name.get<std::string>(), known.value(name.get<std::string>(), "unknown"));
    if (!is_new) *entry = "listed twice";
  }
  return types;
}

// A time is written as seconds or as [seconds, nanoseconds].
Json with_nanoseconds(const Json& time) {
  return time.is_number() ? Json::array({time, 0}) : time;
}

bool same_text(const Json& a, const Json& b) {
  const auto& x = a.get_ref<const std::string&>();
  const auto& y = b.get_ref<const std::string&>();
  return x == y || bytes_from_text(x) == bytes_from_text(y);
}

bool same_value(std::string_view member, const Json& expected, const Json& observed) {
  if (expected.is_string() && observed.is_string()) {
    if (same_text(expected, observed)) return true;
    return member == "mode" && octal(expected) && octal(expected) == octal(observed);
  }
  if (expected.is_number() != observed.is_number() && (expected.is_array() || observed.is_array()))
    return with_nanoseconds(expected) == with_nanoseconds(observed);
  return same_json(expected, observed);
}

// Every element of one has its own in the other: a name that is listed twice is one too many.
bool same_set(std::string_view member, const Json& expected, const Json& observed) {
  if (!expected.is_array() || !observed.is_array() || expected.size() != observed.size()) return false;
  return std::is_permutation(expected.begin(), expected.end(), observed.begin(),
                             [member](const Json& a, const Json& b) { return same_value(member, a, b); });
}

bool has_one(std::string_view member, const Json& observed, const Json& wanted) {
  if (observed.is_string() && wanted.is_string())
    return bytes_from_text(observed.get<std::string>()).find(bytes_from_text(wanted.get<std::string>())) !=
           std::string::npos;
  return observed.is_array() && std::any_of(observed.begin(), observed.end(), [&](const Json& element) {
           return same_value(member, wanted, element);
         });
}

bool ordered(const Json& smaller, const Json& larger) {
  if (smaller.is_number() && larger.is_number()) return smaller <= larger;
  const Json a = with_nanoseconds(smaller), b = with_nanoseconds(larger);
  return a.is_array() && b.is_array() && a <= b;
}

// Is the option `name` in force with one of the `allowed` values? `true` and `false` ask whether it is on.
bool option_is(const Json& options, const std::string& name, const Json& allowed) {
  if (allowed.is_array())
    return std::any_of(allowed.begin(), allowed.end(),
                       [&](const Json& one) { return option_is(options, name, one); });
  auto text = [](const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); };
  auto it = options.is_object() ? options.find(name) : options.end();
  const bool given = options.is_object() && it != options.end();
  if (!allowed.is_boolean()) return given && text(*it) == text(allowed);
  const std::string value = given ? text(*it) : "off";
  return allowed.get<bool>() != (value == "off" || value == "false");
}

bool failed_program(const Step& step, const StepResult& result) {
  return (step.op == "run" || step.op == "execve") && result.value.is_object() &&
         result.value.value("status", 0) != 0;
}

}  // namespace

std::string in_words(const StepResult& result) {
  if (result.error != 0) return errno_name(result.error);
  std::string words = "ok";
  if (result.value.is_object())
    for (const auto& [member, value] : result.value.items())
      if (member != "inos" && member != "next") words += ", " + member + " " + shown(value);
  return words;
}

bool Expectations::holds(const Json& condition) const {
  for (const auto& [member, value] : condition.items()) {
    bool holds = false;
    if (member == "options") {
      holds = std::all_of(value.items().begin(), value.items().end(), [this](const auto& option) {
        return option_is(facts_.options, option.key(), option.value());
      });
    } else if (member == "kernel") {
      holds =
          version_in_range(facts_.kernel.empty() ? kNewestKernel : facts_.kernel, value.get<std::string>());
    } else if (member == "privilege") {
      holds = value == facts_.privilege;
    } else if (member == "fs") {
      holds = value.is_array() ? std::find(value.begin(), value.end(), facts_.fs) != value.end()
                               : value == facts_.fs;
    } else if (member == "samefs") {
      holds = value == facts_.samefs;
    } else {
      throw BadCase("", "unknown condition \"" + member + "\"");
    }
    if (!holds) return false;
  }
  return true;
}

const Json& Expectations::applicable(const Json& expect) const {
  static const Json kOk = "ok";
  const Json* chosen = &expect;
  while (is_conditional(*chosen)) {
    if (holds(chosen->at("if")))
      chosen = &chosen->at("then");
    else if (auto it = chosen->find("else"); it != chosen->end())
      chosen = &*it;
    else
      return kOk;
  }
  return *chosen;
}

std::optional<Mismatch> Expectations::check(const Step& step, const StepResult& result) {
  if (!step.as.empty()) named_[step.as] = &result;
  if (step.op != "tree" || result.error != 0) return check_result(step.expect, step, result);
  auto differences =
      check_tree(step.expect, tree_from_json(result.value, step.where), step.where + "/expect");
  if (differences.empty()) return std::nullopt;
  return Mismatch{"", "", std::move(differences)};
}

std::vector<TreeDifference> Expectations::check_tree(const Json& expect, const Tree& observed,
                                                     const std::string& where) const {
  const Json& applying = applicable(expect);
  if (!applying.is_object()) return {};  // an "if" that does not hold and has no "else"
  return compare_trees(tree_from_json(applying, where), observed);
}

std::optional<Mismatch> Expectations::check_result(const Json& expect, const Step& step,
                                                   const StepResult& result) const {
  const Json& applying = applicable(expect);
  if (applying.is_array()) {
    for (const Json& alternative : applying)
      if (!check_result(alternative, step, result)) return std::nullopt;
    return Mismatch{describe_expectation(applying), in_words(result), {}};
  }
  if (applying.is_object()) {
    if (result.error != 0) return Mismatch{describe_expectation(applying), in_words(result), {}};
    if (failed_program(step, result) && !applying.contains("status"))
      return Mismatch{"status 0", in_words(result), {}};
    return check_members(applying, result);
  }
  if (!applying.is_string()) throw BadCase(step.where + "/expect", "neither text, object nor array");
  const auto& word = applying.get_ref<const std::string&>();
  if (word == "any") return std::nullopt;
  if (word == "ok") {
    if (result.error == 0 && !failed_program(step, result)) return std::nullopt;
    return Mismatch{"ok", in_words(result), {}};
  }
  const int error = errno_number(word);
  if (error == 0) throw BadCase(step.where + "/expect", "unknown errno \"" + word + "\"");
  if (error == result.error) return std::nullopt;
  return Mismatch{word, in_words(result), {}};
}

std::optional<Mismatch> Expectations::check_members(const Json& expect, const StepResult& result) const {
  Mismatch mismatch;
  for (const auto& [member, expected] : expect.items()) {
    const Json* observed = nullptr;
    if (result.value.is_object()) {
      auto it = result.value.find(member);
      if (it != result.value.end()) observed = &*it;
    }
    Json types;
    if (observed && member == "entries" && expected.is_object() && !is_relations(expected))
      observed = &(types = entry_types(result.value));
    if (observed && meets(member, expected, *observed)) continue;
    if (!mismatch.expected.empty()) mismatch.expected += ", ", mismatch.observed += ", ";
    mismatch.expected += member + " " + wanted_in_words(expected);
    mismatch.observed += observed ? member + " " + shown(*observed) : "no " + member;
  }
  if (mismatch.expected.empty()) return std::nullopt;
  return mismatch;
}

bool Expectations::meets(std::string_view member, const Json& expected, const Json& observed) const {
  if (is_relations(expected)) {
    for (const auto& [relation, operand] : expected.items())
      if (!meets_relation(member, relation, operand, observed)) return false;
    return true;
  }
  if (is_set(member) && expected.is_array()) return same_set(member, expected, observed);
  return same_value(member, expected, observed);
}

bool Expectations::meets_relation(std::string_view member, std::string_view relation, const Json& operand,
                                  const Json& observed) const {
  if (relation == "same_as" || relation == "differs_from") {
    const Json* other = referred(operand);
    return other && meets(member, *other, observed) == (relation == "same_as");
  }
  if (relation == "at_least") return ordered(operand, observed);
  if (relation == "at_most") return ordered(observed, operand);
  if (relation == "one_of")
    return std::any_of(operand.begin(), operand.end(),
                       [&](const Json& one) { return meets(member, one, observed); });
  // contains, lacks: one element or each of several.
  const bool wanted = relation == "contains";
  if (!observed.is_string() && !observed.is_structured()) return false;
  if (!operand.is_array()) return has_one(member, observed, operand) == wanted;
  return std::all_of(operand.begin(), operand.end(),
                     [&](const Json& one) { return has_one(member, observed, one) == wanted; });
}

std::string Expectations::wanted_in_words(const Json& expected) const {
  if (!is_relations(expected)) return shown(expected);
  std::string words;
  for (const auto& [relation, operand] : expected.items()) {
    if (!words.empty()) words += " and ";
    std::string verb = relation;
    std::replace(verb.begin(), verb.end(), '_', ' ');
    if (relation == "same_as" || relation == "differs_from") {
      const Json* other = referred(operand);
      words +=
          fmt::format("{} {} ({})", verb, operand.get<std::string>(), other ? shown(*other) : "not there");
    } else {
      words += verb + " " + shown(operand);
    }
  }
  return words;
}

const Json* Expectations::referred(const Json& reference) const {
  const auto& text = reference.get_ref<const std::string&>();
  const size_t dot = text.find('.');
  auto named = named_.find(std::string_view(text).substr(0, dot));
  if (dot == std::string::npos || named == named_.end())
    throw BadCase("", "\"" + text + "\" names no result of an earlier step");
  // A member, or a member of a member: "listing.inos.NAME", whatever dots NAME has.
  const Json* value = &named->second->value;
  std::string rest = text.substr(dot + 1);
  while (value->is_object()) {
    if (auto it = value->find(rest); it != value->end()) return &*it;
    const size_t next = rest.find('.');
    if (next == std::string::npos) break;
    auto it = value->find(rest.substr(0, next));
    if (it == value->end()) break;
    value = &*it;
    rest = rest.substr(next + 1);
  }
  return nullptr;
}

}  // namespace ovlcheck
