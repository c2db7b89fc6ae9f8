#include <filesystem>

#include "harness/cli/commands.h"

namespace ovlcheck {
namespace {

// What to call a run: the name of its folder.
std::string label_of(const std::string& path) {
  const std::filesystem::path given(path);
  const auto folder =
      std::filesystem::weakly_canonical(std::filesystem::is_directory(given) ? given : given.parent_path());
  return folder.filename().string();
}

}  // namespace

LabelledRun load_runs(const std::vector<std::string>& paths) {
  std::vector<LabelledRun> all;
  for (const auto& path : paths) all.push_back({label_of(path), read_results(path), read_casebook(path)});
  return all.empty() ? LabelledRun{} : join_runs(std::move(all));
}

}  // namespace ovlcheck
