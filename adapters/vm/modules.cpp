#include "adapters/vm/modules.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include "adapters/vm/decompress.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

class Resolver {
 public:
  explicit Resolver(const std::string& directory) {
    std::ifstream builtin(directory + "/modules.builtin");
    for (std::string line; std::getline(builtin, line);)
      builtin_.insert(module_name(fs::path(line).filename().string()));
    if (!fs::is_directory(directory + "/kernel"))
      throw std::runtime_error(directory + " holds no kernel modules; it should be .../lib/modules/RELEASE");
    for (const auto& entry : fs::recursive_directory_iterator(directory + "/kernel"))
      if (const auto name = module_name(entry.path().filename().string()); !name.empty())
        files_.emplace(name, entry.path().string());
  }

  void want(const std::string& name) {
    const auto file = files_.find(name);
    if (builtin_.contains(name) || file == files_.end() || !seen_.insert(name).second) return;
    std::string content = read_decompressed(file->second);
    for (const auto& other : module_info(content).depends) want(other);
    order_.push_back({name, std::move(content)});
  }

  std::vector<KernelModule> take() { return std::move(order_); }

 private:
  std::set<std::string> builtin_, seen_;
  std::map<std::string, std::string> files_;
  std::vector<KernelModule> order_;
};

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

std::string module_name(std::string_view file_name) {
  const size_t end = file_name.find(".ko");
  if (end == std::string_view::npos) return "";
  const std::string_view rest = file_name.substr(end + 3);
  if (!rest.empty() && rest != ".xz" && rest != ".zst" && rest != ".gz") return "";
  return underscored(std::string(file_name.substr(0, end)));
}

ModuleInfo module_info(std::string_view content) {
  // The section is a sequence of NUL-terminated "key=value"; no other place of a module has this word.
  constexpr std::string_view key("\0depends=", 9);
  ModuleInfo info;
  const size_t at = content.find(key);
  if (at == std::string_view::npos) return info;
  std::string_view list = content.substr(at + key.size());
  list = list.substr(0, list.find('\0'));
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    info.depends.push_back(underscored(std::string(list.substr(0, comma))));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return info;
}

std::vector<KernelModule> load_order(const std::string& directory, const std::vector<std::string>& wanted) {
  Resolver resolver(directory);
  for (const auto& name : wanted) resolver.want(underscored(name));
  return resolver.take();
}

}  // namespace ovlcheck
