// Kernel versions and ranges of them.
#include <charconv>
#include <optional>
#include <sstream>

#include "harness/case/case.h"
#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

// The numbers at the front of a release: "6.18.5-rc1" -> 6, 18, 5.
std::vector<long> leading_numbers(std::string_view text) {
  std::vector<long> numbers;
  for (;;) {
    long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return numbers;
    numbers.push_back(number);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.starts_with('.')) return numbers;
    text.remove_prefix(1);
  }
}

// <0, 0, >0. Only as many numbers as `bound` has count: 6.8.3 equals 6.8.
int compare(const std::vector<long>& version, const std::vector<long>& bound) {
  for (size_t i = 0; i < bound.size(); ++i) {
    const long number = i < version.size() ? version[i] : 0;
    if (number != bound[i]) return number < bound[i] ? -1 : 1;
  }
  return 0;
}

bool holds(int order, std::string_view relation) {
  if (relation == ">=") return order >= 0;
  if (relation == "<=") return order <= 0;
  if (relation == ">") return order > 0;
  if (relation == "<") return order < 0;
  if (relation == "==") return order == 0;
  return order != 0;
}

// One comparison, e.g. ">=5.11"; empty if it is none.
std::optional<bool> comparison_holds(const std::vector<long>& version, std::string_view comparison) {
  const std::string_view relation = comparison.substr(0, comparison.find_first_of("0123456789"));
  const std::vector<long> bound = leading_numbers(comparison.substr(relation.size()));
  const bool known = relation == ">=" || relation == "<=" || relation == ">" || relation == "<" ||
                     relation == "==" || relation == "!=";
  if (!known || bound.empty()) return std::nullopt;
  return holds(version.empty() ? 1 : compare(version, bound), relation);
}

}  // namespace

bool version_in_range(const std::string& version, const std::string& range) {
  if (range.empty()) return true;
  const std::vector<long> numbers = leading_numbers(version);
  bool any = false, all = true;
  std::istringstream words(range);
  for (std::string word; words >> word;) {
    if (word == "or") {
      any = any || all;
      all = true;
      continue;
    }
    const std::optional<bool> one = comparison_holds(numbers, word);
    if (!one) throw BadCase("", "\"" + range + "\" is not a range of versions such as \">=5.11 <6.8\"");
    all = all && *one;
  }
  return any || all;
}

}  // namespace ovlcheck
