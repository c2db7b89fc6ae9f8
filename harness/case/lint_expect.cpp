#include "harness/case/lint_expect.h"

#include <algorithm>

#include "harness/case/print_words.h"
#include "harness/case/scan.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

const std::vector<std::string_view> relations = {"same_as",  "differs_from", "at_least", "at_most",
                                                 "contains", "lacks",        "one_of"};

bool is_one_of(std::string_view name, const std::vector<std::string_view>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

class ExpectationLint {
 public:
  ExpectationLint(const Operation& operation, const Results& results, const Tell& tell)
      : operation_(operation), results_(results), tell_(tell) {}

  void check(const Json& expect, const std::string& pointer) const {
    if (expect.is_string()) {
      check_word(expect.get_ref<const std::string&>(), pointer);
    } else if (expect.is_array()) {
      for (const auto& [index, alternative] : expect.items()) check(alternative, pointer + '/' + index);
    } else if (is_conditional(expect)) {
      check(expect.at("then"), pointer + "/then");
      if (expect.contains("else")) check(expect.at("else"), pointer + "/else");
    } else {
      for (const auto& [member, value] : expect.items())
        check_member(member, value, pointer + '/' + pointer_token(member));
    }
  }

 private:
  void check_word(const std::string& word, const std::string& pointer) const {
    if (word == "ok" || word == "any" || errno_number(word) != 0) return;
    std::vector<std::string_view> known = errno_names();
    known.insert(known.begin(), {"ok", "any"});
    tell_(pointer, "unknown error name \"" + word + '"' + did_you_mean(word, known));
  }

  void check_member(const std::string& member, const Json& value, const std::string& pointer) const {
    if (!is_one_of(member, operation_.results)) {
      const std::string name(operation_.name);
      const std::string near = did_you_mean(member, operation_.results);
      if (operation_.results.empty()) return tell_(pointer, "a result of \"" + name + "\" has no members");
      return tell_(pointer, "the result of \"" + name + "\" has no member \"" + member + '"' +
                                (near.empty() ? "; it has " + listed(operation_.results) : near));
    }
    if ((member == "ino" || member == "dev") && value.is_number())
      return tell_(pointer,
                   "identities differ from run to run; compare with {\"same_as\": \"NAME." + member + "\"}");
    if (!value.is_object()) return;
    const auto is_known = [](const auto& item) { return is_one_of(item.key(), relations); };
    const auto items = value.items();
    const bool some = std::any_of(items.begin(), items.end(), is_known);
    const bool all = std::all_of(items.begin(), items.end(), is_known);
    if (all)
      check_relations(value, pointer);
    else if (some || (member != "entries" && member != "inos"))
      tell_(pointer, "is no comparison; known are " + listed(relations));
  }

  void check_relations(const Json& value, const std::string& pointer) const {
    for (const auto& [relation, operand] : value.items()) {
      const std::string here = pointer + '/' + relation;
      const bool refers = relation == "same_as" || relation == "differs_from";
      if (refers && !operand.is_string())
        tell_(here, "must be \"NAME.MEMBER\" of an earlier step's result");
      else if (refers)
        check_reference(operand.get_ref<const std::string&>(), here);
      else if ((relation == "at_least" || relation == "at_most") && !operand.is_number() &&
               !operand.is_array())
        tell_(here, "must be a number or a time");
      else if (relation == "one_of" && !operand.is_array())
        tell_(here, "must be an array of values");
    }
  }

  void check_reference(const std::string& reference, const std::string& pointer) const {
    const size_t dot = reference.find('.');
    if (dot == reference.npos) return tell_(pointer, "must be \"NAME.MEMBER\" of an earlier step's result");
    const std::string name = reference.substr(0, dot);
    const std::string rest = reference.substr(dot + 1), member = rest.substr(0, rest.find('.'));
    const auto found = results_.find(name);
    if (found == results_.end()) {
      std::vector<std::string_view> known;
      for (const auto& [given, operation] : results_) known.push_back(given);
      return tell_(pointer, "no earlier step has given the name \"" + name + '"' + did_you_mean(name, known));
    }
    const auto& members = found->second->results;
    if (!is_one_of(member, members))
      tell_(pointer, "\"" + name + "\" is the result of \"" + std::string(found->second->name) +
                         "\", which has no member \"" + member + '"' + did_you_mean(member, members));
  }

  const Operation& operation_;
  const Results& results_;
  const Tell& tell_;
};

}  // namespace

void lint_expectation(const Json& expect, const Operation& operation, const Results& results,
                      const std::string& pointer, const Tell& tell) {
  ExpectationLint(operation, results, tell).check(expect, pointer);
}

bool may_succeed(const Json& expect) {
  if (expect.is_string()) return expect == "ok" || expect == "any";
  if (expect.is_array()) return std::any_of(expect.begin(), expect.end(), may_succeed);
  if (!is_conditional(expect)) return true;
  return may_succeed(expect.at("then")) || !expect.contains("else") || may_succeed(expect.at("else"));
}

}  // namespace ovlcheck
