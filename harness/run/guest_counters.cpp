#include "harness/run/guest_counters.h"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "harness/case/json.h"

namespace ovlcheck {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDebugfs = "/sys/kernel/debug";
constexpr const char* kCounters = "/sys/kernel/debug/gcov";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!in || content.empty()) throw std::runtime_error("cannot read " + path);
  return content;
}

std::vector<std::string> counter_files() {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(kCounters))
    if (entry.path().extension() == ".gcda") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Nearly all of them are zero, which makes them shorter as numbers than in hexadecimal.
Json words_of(const std::string& content) {
  std::vector<uint32_t> words(content.size() / sizeof(uint32_t));
  std::memcpy(words.data(), content.data(), words.size() * sizeof(uint32_t));
  return words;
}

}  // namespace

void mount_debugfs() {
  if (mount("debugfs", kDebugfs, "debugfs", 0, nullptr) != 0 && errno != EBUSY)
    throw std::runtime_error(std::string("mount debugfs: ") + std::strerror(errno));
}

GuestCounters::GuestCounters() {
  mount_debugfs();
  if (!fs::is_directory(kCounters))
    throw std::runtime_error(
        "this kernel counts nothing: it must be built with CONFIG_GCOV_KERNEL (scripts/kernel-coverage "
        "does)");
  reset();
  for (const auto& path : counter_files())
    files_.push_back({path.substr(std::strlen(kCounters)), GcovData(read_file(path))});
  if (files_.empty()) throw std::runtime_error("this kernel counts nothing: no file of it has GCOV_PROFILE");
}

std::string GuestCounters::files() const {
  Json files = Json::array();
  for (const File& file : files_)
    files.push_back({{"path", file.path}, {"words", words_of(file.zero.content())}});
  return Json{{"files", files}}.dump();
}

std::string GuestCounters::counts() const {
  std::string counts;
  size_t base = 0;
  for (const File& file : files_) {
    const GcovData now(read_file(kCounters + file.path));
    if (now.counters() != file.zero.counters())
      throw std::runtime_error("the counters of " + file.path + " changed");
    for (size_t i = 0; i < now.counters(); ++i)
      if (const uint64_t count = now.counter(i))
        counts += (counts.empty() ? "" : ",") + std::to_string(base + i) + "," + std::to_string(count);
    base += now.counters();
  }
  return "{\"counts\":[" + counts + "]}";
}

void GuestCounters::reset() const {
  std::ofstream out(std::string(kCounters) + "/reset");
  if (!(out << "1" << std::flush)) throw std::runtime_error("cannot reset the kernel's counters");
}

}  // namespace ovlcheck
