#include "harness/run/kernel_counters.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr const char* kReached = "reached.json";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return content;
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!(out << content << std::flush)) throw std::runtime_error("cannot write " + path.string());
}

std::string bytes_of(const Json& words) {
  const auto numbers = words.get<std::vector<uint32_t>>();
  std::string bytes(numbers.size() * sizeof(uint32_t), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

// All of a file but its counters.
std::string shape_of(GcovData data) {
  for (size_t i = 0; i < data.counters(); ++i) data.add(i, -data.counter(i));
  return data.content();
}

}  // namespace

KernelCounters::KernelCounters(fs::path folder) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
  if (!fs::exists(folder_ / kReached)) return;
  try {
    load();
  } catch (const std::exception& problem) {
    throw std::runtime_error((folder_ / kReached).string() + ": " + problem.what() +
                             "; remove the folder, or name another");
  }
}

KernelCounters::File KernelCounters::file_of(const std::string& path, std::string content,
                                             const fs::path& notes) {
  return {path, GcovData(std::move(content)), function_names(read_file(notes))};
}

void KernelCounters::load() {
  const Json json = Json::parse(read_file(folder_ / kReached));
  if (json.at("format") != kFormat) throw std::runtime_error("is of another format");
  for (const auto& [name, path] : json.at("files").items())
    files_.push_back(
        file_of(path.get<std::string>(), read_file(folder_ / (name + ".gcda")), folder_ / (name + ".gcno")));
  know_functions();
  subjects_ = json.at("subjects").get<std::set<std::string>>();
  const auto cases = json.at("cases").get<std::vector<std::string>>();
  for (const Json& function : json.at("functions"))
    for (const size_t index : function.at("cases").get<std::vector<size_t>>())
      reached_[{function.at("source"), function.at("name")}].insert(cases.at(index));
}

void KernelCounters::know_functions() {
  for (const File& file : files_) {
    for (const auto& [number, function] : file.names) reached_[{function.source, function.name}];
    for (size_t i = 0; i < file.sum.counters(); ++i) {
      const GcovFunction& function = file.names.at(file.sum.function_of(i));
      function_at_.emplace_back(function.source, function.name);
    }
  }
}

void KernelCounters::introduce(const Json& word) {
  std::vector<File> files;
  for (const Json& file : word.at("files")) {
    const fs::path path = file.at("path").get<std::string>();
    files.push_back(
        file_of(path.string(), bytes_of(file.at("words")), fs::path(path).replace_extension(".gcno")));
  }
  if (files_.empty()) {
    files_ = std::move(files);
    return know_functions();
  }
  bool same = files.size() == files_.size();
  for (size_t i = 0; same && i < files.size(); ++i)
    same = files[i].path == files_[i].path && shape_of(files[i].sum) == shape_of(files_[i].sum);
  if (!same)
    throw std::runtime_error("the counters in " + folder_.string() +
                             " are of another kernel: remove the folder, or name another");
}

void KernelCounters::add(const std::string& subject, const std::string& case_name, const Json& word) {
  const auto counts = word.at("counts").get<std::vector<uint64_t>>();
  subjects_.insert(subject);
  auto file = files_.begin();
  size_t base = 0;
  for (size_t i = 0; i + 1 < counts.size(); i += 2) {
    while (file != files_.end() && counts[i] - base >= file->sum.counters()) base += (file++)->sum.counters();
    if (file == files_.end()) throw std::runtime_error("a machine counted what its kernel has not got");
    file->sum.add(counts[i] - base, counts[i + 1]);
    reached_[function_at_[counts[i]]].insert(case_name);
  }
}

void KernelCounters::write() const {
  Json paths = Json::object();
  for (const File& file : files_) {
    const fs::path path = file.path;
    const std::string name = path.stem().string();
    paths[name] = file.path;
    write_file(folder_ / (name + ".gcda"), file.sum.content());
    const fs::path notes = fs::path(path).replace_extension(".gcno");
    if (fs::exists(notes))
      fs::copy_file(notes, folder_ / (name + ".gcno"), fs::copy_options::overwrite_existing);
  }
  std::map<std::string, size_t> index;
  for (const auto& [function, cases] : reached_)
    for (const auto& name : cases) index[name];
  Json names = Json::array(), functions = Json::array();
  for (auto& [name, number] : index) {
    number = names.size();
    names.push_back(name);
  }
  for (const auto& [function, cases] : reached_) {
    Json numbers = Json::array();
    for (const auto& name : cases) numbers.push_back(index.at(name));
    functions.push_back({{"source", function.first}, {"name", function.second}, {"cases", numbers}});
  }
  write_file(folder_ / kReached, Json{{"format", kFormat},
                                      {"files", paths},
                                      {"subjects", subjects_},
                                      {"cases", names},
                                      {"functions", functions}}
                                     .dump());
}

}  // namespace ovlcheck
