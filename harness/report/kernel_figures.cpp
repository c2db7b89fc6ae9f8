#include "harness/report/kernel_figures.h"

#include <fmt/format.h>

namespace ovlcheck {

std::string figures_row(const std::string& name, const CodeFigures& figures) {
  std::string row = fmt::format("{:14}", name);
  for (const Share* share : {&figures.lines, &figures.functions, &figures.branches})
    row += fmt::format("{:>20}", fmt::format("{}/{} {:.1f} %", share->reached, share->all, share->percent()));
  return row + "\n";
}

Explained count_explained(const std::vector<UnreachedFunction>& unreached) {
  Explained explained;
  const auto count = [](Share& share, size_t things, const std::string& why) {
    share.all += things;
    share.reached += why.empty() ? 0 : things;
  };
  for (const UnreachedFunction& function : unreached) {
    if (function.function->count == 0) count(explained.functions, 1, function.why);
    for (const UnreachedLine& line : function.lines) {
      if (line.line->count == 0) count(explained.lines, 1, line.why);
      count(explained.branches, line.line->count == 0 ? line.line->branches.size() : line.branches(),
            line.why);
    }
  }
  return explained;
}

std::string explained_in_words(const Explained& explained) {
  return fmt::format(
      "Not executed: {} functions ({} explained), {} lines ({} explained), {} branches ({} explained).",
      explained.functions.all, explained.functions.reached, explained.lines.all, explained.lines.reached,
      explained.branches.all, explained.branches.reached);
}

}  // namespace ovlcheck
