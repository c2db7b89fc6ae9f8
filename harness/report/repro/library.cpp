#include "harness/report/repro/library.h"

#include <sstream>
#include <stdexcept>
#include <vector>

#include "harness/report/repro/library_text.h"

namespace ovlcheck {
namespace {

struct Section {
  std::string name;
  std::vector<std::string> needs;
  std::string text;
};

std::vector<Section> read_library() {
  std::vector<Section> all;
  for (const char* const* file = python_library; *file; ++file) {
    std::istringstream lines(*file);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("#: ")) {
        all.back().text += line + "\n";
        continue;
      }
      Section& section = all.emplace_back();
      std::istringstream words(line.substr(3));
      words >> section.name;
      for (std::string word; words >> word;)
        if (word != "needs") section.needs.push_back(word);
    }
  }
  return all;
}

void collect(const std::vector<Section>& all, const std::string& name, std::set<std::string>& wanted) {
  if (!wanted.insert(name).second) return;
  for (const Section& section : all) {
    if (section.name != name) continue;
    for (const std::string& other : section.needs) collect(all, other, wanted);
    return;
  }
  throw std::logic_error("the library of scripts has no section " + name);
}

}  // namespace

std::string python_sections(const std::set<std::string>& names) {
  static const std::vector<Section> all = read_library();
  std::set<std::string> wanted;
  for (const std::string& name : names) collect(all, name, wanted);
  std::string text;
  for (const Section& section : all)
    if (wanted.contains(section.name)) text += section.text;
  return text;
}

}  // namespace ovlcheck
