#include "adapters/vm/splat.h"

#include <algorithm>
#include <array>

namespace ovlcheck {
namespace {

// At the start of a message.
constexpr std::array<std::string_view, 14> kSigns = {
    "BUG: ",
    "BUG ",
    "WARNING: ",
    "Oops: ",
    "Oops ",
    "kernel BUG at ",
    "Kernel BUG at ",
    "Kernel panic - not syncing",
    "general protection fault",
    "Unable to handle kernel",
    "UBSAN: ",
    "refcount_t: ",
    "INFO: possible ",
    "INFO: task ",
};

// "[    1.234567] text" or "[    1.234567][  T12] text" -> "text"
std::string_view without_stamp(std::string_view line) {
  while (!line.empty() && line.front() == '[') {
    const size_t end = line.find(']');
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
    if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

bool is_splat(std::string_view message) {
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return message.starts_with(sign); });
}

}  // namespace

std::optional<std::string> find_splat(std::string_view log, size_t lines) {
  std::optional<std::string> excerpt;
  for (size_t at = 0, taken = 0; at < log.size() && taken < lines;) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const std::string_view message = without_stamp(log.substr(at, end - at));
    at = end + 1;
    if (!excerpt) {
      if (!is_splat(message)) continue;
      excerpt.emplace();
    }
    *excerpt += (taken++ ? "\n" : "") + std::string(message);
  }
  return excerpt;
}

}  // namespace ovlcheck
