#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "harness/case/pattern.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"

namespace ovlcheck {

void write_output(const std::string& file, const std::string& text) {
  if (file.empty()) return fmt::print("{}", text);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + file);
}

std::string own_program() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length < 0) throw std::runtime_error(std::string("/proc/self/exe: ") + std::strerror(errno));
  return std::string(path, static_cast<size_t>(length));
}

std::string shipped_folder(const std::string& name) {
  const auto installed =
      std::filesystem::path(own_program()).parent_path().parent_path() / "share/ovlcheck" / name;
  return std::filesystem::is_directory(installed) ? installed.string() : OVLCHECK_SOURCE_DIR "/" + name;
}

void CaseSelection::add_options(CLI::App& command) {
  command
      .add_option("--cases", paths, "Case files or folders instead of the cases that come with the program")
      ->type_name("PATH");
  command
      .add_option("--filter", filters,
                  "Only cases whose name matches, e.g. 'rename/*', or a group's name; may be repeated")
      ->type_name("PATTERN");
}

std::vector<Case> CaseSelection::load() const {
  auto cases = load_cases(paths.empty() ? std::vector<std::string>{shipped_folder("cases")} : paths);
  if (filters.empty()) return cases;
  for (const auto& filter : filters)
    if (std::none_of(cases.begin(), cases.end(),
                     [&](const Case& c) { return matches_case(filter, c.name()); }))
      throw BadCase("", "--filter " + filter + " matches no case; `ovlcheck list` names them all");
  std::erase_if(cases, [&](const Case& c) {
    return std::none_of(filters.begin(), filters.end(),
                        [&](const auto& filter) { return matches_case(filter, c.name()); });
  });
  return cases;
}

std::string CaseSelection::clauses() const {
  const std::filesystem::path folder = paths.empty() ? shipped_folder("cases") : paths.front();
  const auto file = folder / "clauses.json";
  return std::filesystem::exists(file) ? file.string() : "";
}

}  // namespace ovlcheck
