#include "harness/generate/vote.h"

#include <algorithm>

#include "harness/generate/arena.h"

namespace ovlcheck::generate {

std::optional<Vote> vote(const std::vector<size_t>& parties,
                         const std::function<bool(size_t, size_t)>& same) {
  const auto as_first = [&](size_t party) { return same(parties.front(), party); };
  if (std::all_of(parties.begin() + 1, parties.end(), as_first)) return std::nullopt;
  std::vector<std::vector<size_t>> groups;
  for (const size_t party : parties) {
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& each) { return same(each.front(), party); });
    if (group == groups.end())
      groups.push_back({party});
    else
      group->push_back(party);
  }
  // The first of equally large ones, and groups are in the order of their lowest numbers.
  const auto most = std::max_element(groups.begin(), groups.end(),
                                     [](const auto& a, const auto& b) { return a.size() < b.size(); });
  const auto deviates = [&](size_t party) {
    return std::find(most->begin(), most->end(), party) == most->end();
  };
  const auto odd = std::find_if(parties.begin(), parties.end(), deviates);
  const bool subject = std::find(parties.begin(), parties.end(), kSubject) != parties.end();
  return Vote{most->front(), subject && deviates(kSubject) ? kSubject : *odd};
}

}  // namespace ovlcheck::generate
