#include "harness/ops/mounted_tree.h"

#include <cerrno>
#include <fstream>
#include <sstream>

namespace ovlcheck {
namespace {

bool names_layer(const std::string& option) {
  for (const char* name : {"lowerdir", "datadir", "upperdir=", "workdir="})
    if (option.starts_with(name)) return true;
  return false;
}

}  // namespace

Sys<std::vector<std::string>> overlay_options(uint64_t id) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    uint64_t number = 0;
    std::string word, type, source, text;
    if (!(words >> number) || number != id) continue;
    while (words >> word && word != "-") {
    }
    if (!(words >> type >> source >> text) || type != "overlay") return failed(kNotOffered);
    std::vector<std::string> options;
    std::istringstream all(text);
    for (std::string option; std::getline(all, option, ',');)
      if (!names_layer(option)) options.push_back(option);
    return options;
  }
  return failed(ENOENT);
}

}  // namespace ovlcheck
