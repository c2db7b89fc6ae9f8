#include "harness/results/results.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "harness/case/fnv.h"

namespace ovlcheck {
HostInfo host_info() {
  utsname names{};
  if (uname(&names) != 0) throw std::system_error(errno, std::generic_category(), "uname");
  auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return {names.release, names.machine, std::thread::hardware_concurrency(),
          fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)))};
}

SuiteInfo suite_info(const std::vector<Case>& cases) {
  SuiteInfo suite;
  suite.cases = cases.size();
  std::vector<std::string> texts;  // sorted: the order of files is no part of the revision
  texts.reserve(cases.size());
  for (const Case& c : cases) {
    ++suite.groups[c.group];
    texts.push_back(c.name() + '\n' + c.json.dump() + '\n');
  }
  std::sort(texts.begin(), texts.end());
  Fnv hash;
  for (const std::string& text : texts) hash.add(text);
  suite.revision = hash.hex();
  return suite;
}

Summary summarize(const Run& run) {
  Summary summary;
  auto row = [&summary](const std::string& subject) -> auto& {
    auto [it, is_new] = summary.try_emplace(subject);
    if (is_new)
      for (Verdict verdict : kVerdicts) it->second[verdict] = 0;
    return it->second;
  };
  for (const SubjectInfo& subject : run.subjects) row(subject.name);
  for (const Outcome& outcome : run.outcomes) ++row(outcome.subject)[outcome.verdict];
  return summary;
}

}  // namespace ovlcheck
