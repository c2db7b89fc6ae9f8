#include "harness/bench/userlay/ground.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace ovlcheck {

namespace fs = std::filesystem;

Ground::Ground(const std::string& path)
    : dir_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), path_(fs::absolute(path)) {
  if (!dir_) throw std::system_error(errno, std::generic_category(), path);
  make_layers(dir_.get());
}

void Ground::clear() {
  for (const char* name : {"upper", "work", "merged"}) {
    fs::remove_all(fs::path(path_) / name);
    fs::create_directory(fs::path(path_) / name);
  }
  if (::syncfs(dir_.get()) != 0) throw std::system_error(errno, std::generic_category(), "syncfs");
}

std::optional<double> Ground::measure(Adapter& subject, const Row& row) {
  using Clock = std::chrono::steady_clock;
  clear();
  const LayerDirs dirs{dir_.get(), path_, layer_names(row.lowers), {}, "upper", "work"};
  const auto mounting = Clock::now();
  auto mount = subject.mount(dirs, row.options);
  std::chrono::duration<double> taken = Clock::now() - mounting;
  if (!mount && !row.options.empty() && mount.error().error == EINVAL) return std::nullopt;
  if (!mount) throw std::runtime_error(row.name + ": " + mount.error().message);
  if (!row.of_mount) {
    const int merged = (*mount)->directory();
    if (row.before) row.before(merged);
    const auto start = Clock::now();
    const size_t operations = row.run(merged);
    taken = (Clock::now() - start) / static_cast<double>(operations);
  }
  if (auto unmounted = (*mount)->unmount(); !unmounted)
    throw std::system_error(unmounted.error(), std::generic_category(), "unmount");
  return taken.count();
}

}  // namespace ovlcheck
