#include "harness/bench/userlay/rows.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <system_error>

#include "harness/bench/files.h"

namespace ovlcheck {
namespace {

constexpr size_t kMany = 10'000;     // files of one directory
constexpr size_t kSmallSize = 2048;  // bytes of each of them
constexpr size_t kSome = 1000;       // files to make or remove
constexpr size_t kDeep = 500;        // files below many layers
constexpr size_t kMiB = 1 << 20;

struct Sized {
  const char* directory;
  size_t files;
  size_t size;
};
constexpr Sized kSizes[] = {{"w4k", 100, 4096}, {"w1m", 16, kMiB}, {"w256m", 1, 256 * kMiB}};

std::string file(size_t number) {
  return fmt::format("f{:05}", number);
}

void make_files(int dir, const std::string& name, size_t count, size_t size) {
  check(::mkdirat(dir, name.c_str(), 0755), name);
  const Fd files = open_directory_at(dir, name);
  for (size_t i = 0; i < count; ++i) {
    make_file(files.get(), file(i), size);
  }
}

size_t stat_files(int merged, const char* directory, size_t count) {
  const Fd files = open_directory_at(merged, directory);
  struct stat st;
  for (size_t i = 0; i < count; ++i)
    check(::fstatat(files.get(), file(i).c_str(), &st, AT_SYMLINK_NOFOLLOW), file(i));
  return count;
}

size_t read_files(int merged, const char* directory, size_t count) {
  const Fd files = open_directory_at(merged, directory);
  for (size_t i = 0; i < count; ++i) read_all(open_at(files.get(), file(i), O_RDONLY).get());
  return count;
}

size_t list(int merged) {
  const Fd files = open_directory_at(merged, "many");
  alignas(8) std::array<char, 32768> buffer;
  for (long got = 1; got > 0;) {
    got = ::syscall(SYS_getdents64, files.get(), buffer.data(), buffer.size());
    check(got, "getdents64");
  }
  return 1;
}

// Changes the first page of each file.
size_t write_into(int merged, const Sized& sized) {
  static const std::string page(4096, 'y');
  const Fd files = open_directory_at(merged, sized.directory);
  for (size_t i = 0; i < sized.files; ++i) {
    const Fd changed = open_at(files.get(), file(i), O_WRONLY);
    check(::pwrite(changed.get(), page.data(), page.size(), 0), file(i));
  }
  return sized.files;
}

size_t create_and_unlink(int merged) {
  const Fd files = open_directory_at(merged, "many");
  for (size_t i = 0; i < kSome; ++i) {
    const std::string name = "new" + file(i);
    (void)open_at(files.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    check(::unlinkat(files.get(), name.c_str(), 0), name);
  }
  return kSome;
}

size_t unlink_lower(int merged) {
  const Fd files = open_directory_at(merged, "many");
  for (size_t i = 0; i < kSome; ++i) check(::unlinkat(files.get(), file(i).c_str(), 0), file(i));
  return kSome;
}

size_t write_large(int merged) {
  const Fd made = open_at(merged, "new", O_WRONLY | O_CREAT | O_EXCL, 0644);
  write_bytes(made.get(), 256 * kMiB);
  return 1;
}

size_t stat_many(int merged) {
  return stat_files(merged, "many", kMany);
}
size_t read_many(int merged) {
  return read_files(merged, "many", kMany);
}
size_t stat_deep(int merged) {
  return stat_files(merged, "deep", kDeep);
}

template <size_t index>
size_t first_write(int merged) {
  return write_into(merged, kSizes[index]);
}

}  // namespace

std::vector<std::string> layer_names(size_t count) {
  std::vector<std::string> names;
  for (size_t i = kMostLowers - count; i < kMostLowers; ++i) names.push_back(fmt::format("lower{}", i));
  return names;
}

void make_layers(int dir) {
  for (const std::string& name : layer_names(kMostLowers)) {
    check(::mkdirat(dir, name.c_str(), 0755), name);
    const Fd layer = open_directory_at(dir, name);
    if (name != layer_names(1).front()) check(::mkdirat(layer.get(), "deep", 0755), "deep");
  }
  const Fd lowest = open_directory_at(dir, layer_names(1).front());
  make_files(lowest.get(), "deep", kDeep, 0);
  make_files(lowest.get(), "many", kMany, kSmallSize);
  for (const Sized& sized : kSizes) make_files(lowest.get(), sized.directory, sized.files, sized.size);
  check(::syncfs(lowest.get()), "syncfs");
  (void)read_many(lowest.get());
  for (const Sized& sized : kSizes) (void)read_files(lowest.get(), sized.directory, sized.files);
}

std::vector<Row> rows() {
  std::vector<Row> all;
  all.push_back({.name = "mount", .demand = Demand::kNotSlower, .of_mount = true});
  all.push_back({.name = "stat, cold, of 10k files", .run = stat_many});
  all.push_back({.name = "stat, warm, of 10k files",
                 .demand = Demand::kNotSlower,
                 .before = stat_many,
                 .run = stat_many});
  all.push_back({.name = "open, read, close of 10k files", .demand = Demand::kNotSlower, .run = read_many});
  all.push_back({.name = "readdir, cold, 10k entries", .run = list});
  all.push_back({.name = "readdir, warm, 10k entries", .before = list, .run = list});
  // The kernel and userlay wait until the copy is on the disk before it appears, so that a crash leaves no
  // half of it.
  all.push_back({.name = "first write, 4 KiB", .demand = Demand::kShown, .run = first_write<0>});
  all.push_back({.name = "first write, 1 MiB", .demand = Demand::kAsSafe, .run = first_write<1>});
  all.push_back({.name = "first write, 256 MiB", .demand = Demand::kAsSafe, .run = first_write<2>});
  // Without that, as others do always.
  const Options no_sync = {{"volatile", ""}};
  all.push_back({.name = "first write, 4 KiB, volatile",
                 .demand = Demand::kNotSlower,
                 .options = no_sync,
                 .run = first_write<0>});
  all.push_back({.name = "first write, 1 MiB, volatile",
                 .demand = Demand::kNearKernel,
                 .options = no_sync,
                 .run = first_write<1>});
  all.push_back({.name = "first write, 256 MiB, volatile",
                 .demand = Demand::kNearKernel,
                 .options = no_sync,
                 .run = first_write<2>});
  all.push_back({.name = "second write, 4 KiB",
                 .demand = Demand::kNotSlower,
                 .before = first_write<0>,
                 .run = first_write<0>});
  all.push_back({.name = "create and unlink", .run = create_and_unlink});
  all.push_back({.name = "unlink of lower files", .run = unlink_lower});
  all.push_back({.name = "write 256 MiB", .demand = Demand::kNotSlower, .run = write_large});
  all.push_back({.name = "read 256 MiB", .demand = Demand::kNotSlower, .run = [](int merged) {
                   return read_files(merged, "w256m", 1);
                 }});
  for (const size_t lowers : {1, 8, 64, 128})
    all.push_back(
        {.name = fmt::format("stat, cold, through {} lowers", lowers), .lowers = lowers, .run = stat_deep});
  return all;
}

}  // namespace ovlcheck
