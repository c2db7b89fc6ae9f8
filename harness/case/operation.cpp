#include "harness/case/operation.h"

#include <algorithm>

namespace ovlcheck {

std::vector<const Operation*> operations_in(const Json& step) {
  std::vector<const Operation*> found;
  for (const auto& [key, value] : step.items())
    if (const Operation* operation = find_operation(key)) found.push_back(operation);
  if (found.size() < 2) return found;
  const auto is_member = [&](const Operation* operation) {
    return std::any_of(found.begin(), found.end(), [&](const Operation* other) {
      return std::find(other->members.begin(), other->members.end(), operation->name) != other->members.end();
    });
  };
  std::vector<const Operation*> operations;
  std::copy_if(found.begin(), found.end(), std::back_inserter(operations),
               [&](const Operation* operation) { return !is_member(operation); });
  return operations;
}

}  // namespace ovlcheck
