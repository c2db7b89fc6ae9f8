#include "harness/report/releases.h"

#include <algorithm>
#include <cctype>

namespace ovlcheck {
namespace {

std::vector<unsigned long> numbers(const std::string& release) {
  std::vector<unsigned long> all;
  for (size_t i = 0; i < release.size() && std::isdigit(static_cast<unsigned char>(release[i])); ++i) {
    size_t length = 0;
    all.push_back(std::stoul(release.substr(i), &length));
    i += length;
    if (i >= release.size() || release[i] != '.') break;
  }
  return all;
}

}  // namespace

Located located(const std::string& subject) {
  const size_t at = subject.find('@');
  if (at == std::string::npos) return {};
  const size_t slash = std::min(subject.find('/', at), subject.size());
  return {subject.substr(at + 1, slash - at - 1), subject.substr(0, at) + subject.substr(slash)};
}

bool older(const std::string& a, const std::string& b) {
  return std::pair(numbers(a), a) < std::pair(numbers(b), b);
}

std::vector<std::string> releases_of(const Run& run) {
  std::vector<std::string> all;
  for (const auto& subject : run.subjects)
    if (auto release = located(subject.name).release;
        !release.empty() && std::find(all.begin(), all.end(), release) == all.end())
      all.push_back(std::move(release));
  std::sort(all.begin(), all.end(), older);
  return all;
}

std::string table_head(const std::string& first, const std::vector<std::string>& releases) {
  std::string head = "| " + first, line = "|---";
  for (size_t at = 0; (at = first.find(" | ", at)) != std::string::npos; at += 3) line += "|---";
  for (const auto& release : releases) head += " | " + release, line += "|---";
  return head + " |\n" + line + "|\n";
}

}  // namespace ovlcheck
