#include "harness/run/processes.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace ovlcheck {

std::optional<Process> read_process(const std::string& folder) {
  std::stringstream text;
  text << std::ifstream(folder + "/stat").rdbuf();
  const std::string stat = text.str();
  // The name may hold anything, parentheses and blanks too.
  const auto open = stat.find('('), close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  Process process;
  process.name = stat.substr(open + 1, close - open - 1);
  std::istringstream rest(stat.substr(close + 1));
  std::string state, group, session, tty, owner;
  rest >> state >> process.parent >> group >> session >> tty >> owner >> process.flags;
  return process;
}

Processes all_processes(const std::string& proc) {
  Processes all;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc, gone)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto process = read_process(entry.path())) all[std::stoi(name)] = std::move(*process);
  }
  return all;
}

bool descends_from(const Processes& all, pid_t pid, pid_t process) {
  for (auto found = all.find(pid); pid != process && found != all.end(); found = all.find(pid))
    pid = found->second.parent;
  return pid == process;
}

}  // namespace ovlcheck
