// Expect: does a step's result meet what the case expects of it?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/case/case.h"
#include "harness/judge/judge.h"
#include "harness/ops/observation.h"

namespace ovlcheck {

// What was expected and what was seen instead, in words; `tree` for trees.
struct Mismatch {
  std::string expected, observed;
  std::vector<TreeDifference> tree;
};

// `ENOENT`, `ok`, `ok, data "hello"`.
std::string in_words(const StepResult& result);

// Judges expectations of one case, in the order of its steps: it keeps the results that later ones compare
// with. All functions throw BadCase on an expectation that cannot be judged.
class Expectations {
 public:
  explicit Expectations(const Facts& facts) : facts_(facts) {}

  // Follows "if" objects to the expectation that applies.
  const Json& applicable(const Json& expect) const;
  // Judges one step but not its tracks, and remembers the result under the step's name. `result` must stay.
  std::optional<Mismatch> check(const Step& step, const StepResult& result);
  // Judges a tree by an expected one; `where` is the JSON pointer of `expect`.
  std::vector<TreeDifference> check_tree(const Json& expect, const Tree& observed,
                                         const std::string& where) const;

 private:
  bool holds(const Json& condition) const;
  std::optional<Mismatch> check_result(const Json& expect, const Step& step, const StepResult& result) const;
  std::optional<Mismatch> check_members(const Json& expect, const StepResult& result) const;
  bool meets(std::string_view member, const Json& expected, const Json& observed) const;
  bool meets_relation(std::string_view member, std::string_view relation, const Json& operand,
                      const Json& observed) const;
  std::string wanted_in_words(const Json& expected) const;
  // The value "NAME.member" stands for; nullptr if that step has no such result.
  const Json* referred(const Json& reference) const;

  const Facts& facts_;
  std::map<std::string, const StepResult*, std::less<>> named_;
};

}  // namespace ovlcheck
