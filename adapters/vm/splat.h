// Splat: what a kernel logs when it finds itself at fault - oops, WARN, lockdep, KASAN.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ovlcheck {

// The first such report in a kernel log: its line and the lines after it, at most `lines` in all, without
// time stamps. Nothing if the log has none.
std::optional<std::string> find_splat(std::string_view log, size_t lines = 12);

}  // namespace ovlcheck
