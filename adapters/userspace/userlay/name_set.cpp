#include "adapters/userspace/userlay/name_set.h"

#include <algorithm>
#include <cctype>

namespace userlay {
namespace {

constexpr unsigned kMissesBeforeReading = 8;
constexpr std::size_t kMostNames = 100'000;

// Some directories find "readme" under "README".
bool ignores_case(const At& directory, const std::string& name) {
  std::string other = name;
  const auto letter =
      std::find_if(other.begin(), other.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
  if (letter == other.end()) return false;
  *letter = static_cast<char>(*letter ^ 0x20);
  const auto one = sys::stat(At{directory.dir, name}), two = sys::stat(At{directory.dir, other});
  return one && two && one->st_ino == two->st_ino;
}

}  // namespace

bool NameSet::lacks(std::size_t hash) const {
  const Hashes* known = known_.load(std::memory_order_acquire);
  return known && !known->contains(hash);
}

std::unique_ptr<const NameSet::Hashes> NameSet::read(const At& directory) {
  auto entries = sys::read_directory(directory, true, kMostNames);
  if (!entries) return nullptr;
  auto hashes = std::make_unique<Hashes>(entries->size());
  bool letters = false;
  for (const auto& entry : *entries) {
    // One name with a letter tells how the directory treats all of them.
    if (!letters && ignores_case(directory, entry.name)) return nullptr;
    letters |= std::any_of(entry.name.begin(), entry.name.end(),
                           [](unsigned char c) { return std::isalpha(c) != 0; });
    hashes->insert(hash(entry.name));
  }
  return hashes;
}

void NameSet::missed(const At& directory) {
  if (misses_.fetch_add(1) + 1 != kMissesBeforeReading) return;
  owned_ = read(directory);
  known_.store(owned_.get(), std::memory_order_release);
}

}  // namespace userlay
