#include "harness/results/results.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace ovlcheck {
namespace {

constexpr uint64_t kFnvBasis = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

uint64_t fnv1a(uint64_t hash, std::string_view bytes) {
  for (unsigned char byte : bytes) hash = (hash ^ byte) * kFnvPrime;
  return hash;
}

}  // namespace

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
  uint64_t hash = kFnvBasis;
  for (const std::string& text : texts) hash = fnv1a(hash, text);
  suite.revision = fmt::format("{:016x}", hash);
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
