#include "harness/bench/claims.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

#include "harness/bench/files.h"
#include "harness/ops/figures.h"

namespace ovlcheck {
namespace {

constexpr double kKiB = 1024, kMiB = 1024 * kKiB;
constexpr size_t kFiles = 200;  // of one measurement of small files
constexpr size_t kUnpacked = 1000;

// Seconds per operation of `body`, which does `operations`.
template <class Body>
double timed(size_t operations, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(operations);
}

std::string name(const char* prefix, size_t number) {
  return prefix + std::to_string(number);
}

void make_files(int dir, const char* prefix, size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) make_file(dir, name(prefix, i), size);
}

void read_files(int dir, const char* prefix, size_t count) {
  for (size_t i = 0; i < count; ++i) read_all(open_at(dir, name(prefix, i), O_RDONLY).get());
}

void look_up(int dir, const std::string& prefix, size_t count) {
  struct stat st;
  for (size_t i = 0; i < count; ++i)
    check(fstatat(dir, (prefix + std::to_string(i)).c_str(), &st, 0), prefix);
}

size_t list(int dir, const char* path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(open_directory_at(dir, path).release()),
                                                   closedir);
  if (!stream) throw std::system_error(errno, std::generic_category(), path);
  size_t entries = 0;
  while (readdir(stream.get())) ++entries;
  return entries;
}

// Opens "f" for writing and changes `count` bytes at its start.
void change(int dir, size_t count) {
  static const std::string block(static_cast<size_t>(kMiB), 'y');
  const Fd file = open_at(dir, "f", O_WRONLY);
  for (size_t done = 0; done < count;) {
    const ssize_t written =
        pwrite(file.get(), block.data(), std::min(block.size(), count - done), static_cast<off_t>(done));
    check(written, "pwrite");
    done += static_cast<size_t>(written);
  }
}

BenchChart chart(const char* id, const char* claim, const char* axis, const char* unit = "",
                 std::vector<std::string> places = {}) {
  BenchChart made;
  made.id = id;
  made.claim = claim;
  made.axis = axis;
  made.unit = unit;
  made.places = std::move(places);
  return made;
}

std::vector<double> sizes(double largest) {
  std::vector<double> all;
  for (double size = 4 * kKiB; size <= largest; size *= 8) all.push_back(size);
  return all;
}

std::vector<double> indices(size_t count) {
  std::vector<double> all;
  for (size_t i = 0; i < count; ++i) all.push_back(static_cast<double>(i));
  return all;
}

// ---- for judging

double at(const BenchChart& chart, const char* subject, double x) {
  if (const BenchSeries* series = chart.find(subject))
    for (const auto& point : series->points)
      if (point.x == x) return point.median();
  return 0;
}

struct Ends {
  double first_x = 0, last_x = 0, first = 0, last = 0;
  double growth() const { return first > 0 ? last / first : 0; }
};

Ends ends(const BenchChart& chart, const char* subject) {
  const BenchSeries* series = chart.find(subject);
  if (!series || series->points.empty()) return {};
  const auto &first = series->points.front(), &last = series->points.back();
  return {first.x, last.x, first.median(), last.median()};
}

std::string span(const BenchChart& chart, const Ends& ends) {
  return fmt::format("{} at {}, {} at {}", duration(ends.first), place_name(chart, ends.first_x),
                     duration(ends.last), place_name(chart, ends.last_x));
}

// ---- the claims

Claim reads() {
  Claim claim;
  claim.chart = chart("read", "Reading costs the same from the container layer and from an image layer.",
                      "where the file is", "", {"upper", "lower", "lowest of 8"});
  claim.xs = indices(3);
  claim.at = [](double x) {
    Measurement m;
    const auto files = [](int dir) { make_files(dir, "f", kFiles, 4096); };
    (x == 0 ? m.upper : m.lowest) = files;
    if (x == 2) m.lowers = 8;
    m.before = [](int dir) { read_files(dir, "f", kFiles); };
    m.run = [](int dir) {
      return timed(5 * kFiles, [dir] {
        for (int i = 0; i < 5; ++i) read_files(dir, "f", kFiles);
      });
    };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const double upper = at(c, "kernel", 0), lower = at(c, "kernel", 1), deep = at(c, "kernel", 2),
                 native = at(c, "native", 0);
    c.finding = fmt::format(
        "To open and read 4 KiB takes {} from upper, {} from lower, {} from the lowest of eight layers, {} "
        "in a plain directory.",
        duration(upper), duration(lower), duration(deep), duration(native));
    c.borne_out = lower < 1.3 * upper && deep < 1.3 * upper;
  };
  return claim;
}

Measurement first_write(double size, size_t count) {
  Measurement m;
  m.lowest = [size](int dir) { make_file(dir, "f", static_cast<size_t>(size)); };
  m.run = [count](int dir) { return timed(1, [dir, count] { change(dir, count); }); };
  return m;
}

Claim first_writes(double largest) {
  Claim claim;
  claim.chart =
      chart("first-write",
            "The first write to a file of an image layer copies the whole file, however little is written.",
            "file size", "bytes");
  claim.xs = sizes(largest);
  claim.at = [](double x) { return first_write(x, 1); };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel"), native = ends(c, "native");
    c.finding =
        fmt::format("Changing one byte takes {}; in a plain directory {}.", span(c, kernel), span(c, native));
    c.borne_out = kernel.growth() > 20 && native.growth() < 5;
  };
  return claim;
}

Claim written_bytes(double largest) {
  const double size = std::min(16 * kMiB, largest);
  Claim claim;
  claim.chart =
      chart("written", "What the first write costs depends on the file's size, not on how much is written.",
            "bytes written", "bytes");
  for (double count = 1; count <= size / 16; count *= 64) claim.xs.push_back(count);
  claim.at = [size](double x) { return first_write(size, static_cast<size_t>(x)); };
  claim.judge = [size](BenchChart& c) {
    const Ends kernel = ends(c, "kernel");
    c.finding =
        fmt::format("In a file of {} the first write takes {}.", size_in_words(size), span(c, kernel));
    c.borne_out = kernel.growth() < 1.5;
  };
  return claim;
}

Claim second_writes(double largest) {
  Claim claim;
  claim.chart =
      chart("second-write", "Later writes are as cheap as in a plain directory.", "file size", "bytes");
  claim.xs = sizes(largest);
  claim.at = [](double x) {
    Measurement m;
    m.lowest = [x](int dir) { make_file(dir, "f", static_cast<size_t>(x)); };
    m.before = [](int dir) { change(dir, 1); };
    m.run = [](int dir) {
      return timed(200, [dir] {
        for (int i = 0; i < 200; ++i) change(dir, 1);
      });
    };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel"), native = ends(c, "native");
    c.finding = fmt::format("Once copied up, changing one byte takes {}; in a plain directory {}.",
                            span(c, kernel), span(c, native));
    c.borne_out = kernel.growth() < 2 && kernel.last < 4 * native.last;
  };
  return claim;
}

Claim metacopy(double largest) {
  Claim claim;
  claim.chart =
      chart("metacopy", "With metacopy=on, chmod of a file of an image layer does not copy its data.",
            "file size", "bytes");
  claim.xs = sizes(largest);
  claim.variants = {{"kernel:metacopy=on", {{"metacopy", "on"}}}};
  claim.at = [](double x) {
    Measurement m;
    m.lowest = [x](int dir) { make_file(dir, "f", static_cast<size_t>(x)); };
    m.run = [](int dir) { return timed(1, [dir] { check(fchmodat(dir, "f", 0600, 0), "chmod"); }); };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel"), meta = ends(c, "kernel:metacopy=on");
    c.finding = fmt::format("chmod takes {}; with metacopy=on {}.", span(c, kernel),
                            meta.last > 0 ? span(c, meta) : "(needs real root: not measured)");
    c.borne_out = meta.last > 0 && meta.growth() < 3 && kernel.growth() > 10;
  };
  return claim;
}

// Layers that all have the directory "d"; the files are in the lowest.
Measurement below_layers(double lowers, size_t files) {
  Measurement m;
  m.lowers = static_cast<size_t>(lowers);
  m.lowest = [files](int dir) {
    make_dir(dir, "d");
    make_files(dir, "d/f", files, 16);
  };
  m.others = [](int dir) { make_dir(dir, "d"); };
  return m;
}

Claim lookup(const char* id, const char* words, bool cached) {
  Claim claim;
  claim.chart = chart(id, words, "lower layers");
  claim.xs = {1, 2, 4, 8, 16, 32, 64, 128};
  claim.native = false;
  claim.at = [cached](double x) {
    Measurement m = below_layers(x, kFiles);
    if (cached) m.before = [](int dir) { look_up(dir, "d/f", kFiles); };
    m.run = [cached](int dir) {
      const size_t times = cached ? 5 : 1;
      return timed(times * kFiles, [&] {
        for (size_t i = 0; i < times; ++i) look_up(dir, "d/f", kFiles);
      });
    };
    return m;
  };
  claim.judge = [cached](BenchChart& c) {
    const Ends kernel = ends(c, "kernel");
    c.finding =
        fmt::format("{} lookup of a file of the lowest layer takes {} with one layer, {} with 128.",
                    cached ? "A repeated" : "The first", duration(kernel.first), duration(kernel.last));
    c.borne_out = cached ? kernel.growth() < 1.5 : kernel.growth() > 3;
  };
  return claim;
}

Claim readdir_layers() {
  Claim claim;
  claim.chart =
      chart("readdir-layers", "Listing a merged directory costs more with every layer it is merged from.",
            "lower layers");
  claim.xs = {1, 2, 4, 8, 16, 32, 64, 128};
  claim.native = false;
  claim.at = [](double x) {
    Measurement m = below_layers(x, 10);
    m.others = m.lowest;
    m.run = [](int dir) { return timed(1, [dir] { list(dir, "d"); }); };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel");
    c.finding = fmt::format("Ten names in every layer are listed in {} with one layer, {} with 128.",
                            duration(kernel.first), duration(kernel.last));
    c.borne_out = kernel.growth() > 3;
  };
  return claim;
}

Claim readdir_entries() {
  Claim claim;
  claim.chart = chart("readdir-entries",
                      "Listing a merged directory is slower than listing a plain one, as names are sorted "
                      "and compared first.",
                      "entries");
  claim.xs = {10, 100, 1000, 10000};
  claim.at = [](double x) {
    Measurement m;
    const auto half = static_cast<size_t>(x / 2);
    m.lowest = [half](int dir) {
      make_dir(dir, "d");
      make_files(dir, "d/l", half, 0);
    };
    m.upper = [half](int dir) {
      make_dir(dir, "d");
      make_files(dir, "d/u", half, 0);
    };
    m.run = [](int dir) { return timed(1, [dir] { list(dir, "d"); }); };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel"), native = ends(c, "native");
    c.finding = fmt::format(
        "10,000 names, half from upper and half from lower, are listed in {}; a plain directory in {}.",
        duration(kernel.last), duration(native.last));
    c.borne_out = kernel.last > 1.5 * native.last;
  };
  return claim;
}

Claim metadata() {
  Claim claim;
  claim.chart = chart("metadata",
                      "Making, renaming and deleting files costs more on an overlay, most of all deleting "
                      "what an image layer has.",
                      "operation", "", {"create", "rename", "mkdir", "unlink upper", "unlink lower"});
  claim.xs = indices(5);
  claim.at = [](double x) {
    Measurement m;
    const auto files = [](int dir) { make_files(dir, "f", kFiles, 0); };
    if (x == 1 || x == 3) m.upper = files;
    if (x == 4) m.lowest = files;
    m.run = [x](int dir) {
      return timed(kFiles, [x, dir] {
        for (size_t i = 0; i < kFiles; ++i) {
          const std::string file = name("f", i);
          if (x == 0) (void)open_at(dir, file, O_WRONLY | O_CREAT | O_EXCL);
          if (x == 1) check(renameat(dir, file.c_str(), dir, name("g", i).c_str()), "rename");
          if (x == 2) check(mkdirat(dir, file.c_str(), 0755), "mkdir");
          if (x >= 3) check(unlinkat(dir, file.c_str(), 0), "unlink");
        }
      });
    };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const double create = at(c, "kernel", 0) / at(c, "native", 0),
                 upper = at(c, "kernel", 3) / at(c, "native", 3),
                 lower = at(c, "kernel", 4) / at(c, "native", 4);
    c.finding = fmt::format(
        "Against a plain directory, creating takes {:.1f} times as long, deleting from upper {:.1f} times, "
        "deleting from lower {:.1f} times.",
        create, upper, lower);
    c.borne_out = create > 1 && upper > 1 && lower > upper;
  };
  return claim;
}

void unpack(int dir) {
  for (size_t i = 0; i < kUnpacked; ++i) {
    const std::string folder = name("p", i / 50);
    if (i % 50 == 0) make_dir(dir, folder);
    make_file(dir, folder + name("/f", i), 4096);
  }
}

// Changes 4 KiB blocks all over a file of 64 MiB that is there already, as a database would.
void update_blocks(int dir) {
  const std::string block(4096, 'z');
  const Fd file = open_at(dir, "f", O_WRONLY);
  for (off_t i = 0; i < 1000; ++i)
    check(pwrite(file.get(), block.data(), block.size(), i * 7919 % 16384 * 4096), "pwrite");
}

Claim volumes() {
  Claim claim;
  claim.chart = chart("volume", "Write-heavy work belongs on a volume: it bypasses the overlay.", "work", "",
                      {"unpack 1,000 files", "write 32 MiB and sync", "update a database"});
  claim.xs = indices(3);
  claim.volume = true;
  claim.at = [](double x) {
    Measurement m;
    if (x == 2) m.lowest = [](int dir) { make_file(dir, "f", static_cast<size_t>(64 * kMiB)); };
    m.run = [x](int dir) {
      return timed(1, [x, dir] {
        if (x == 0) unpack(dir);
        if (x == 1) {
          make_file(dir, "new", static_cast<size_t>(32 * kMiB));
          check(fsync(open_at(dir, "new", O_WRONLY).get()), "fsync");
        }
        if (x == 2) update_blocks(dir);
      });
    };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    std::string words;
    bool near = true, slower = false;
    for (double x = 0; x < 3; ++x) {
      const double native = at(c, "native", x), volume = at(c, "volume", x) / native,
                   overlay = at(c, "kernel", x) / native;
      words += fmt::format("{}{}: volume {:.2f}, overlay {:.2f}", words.empty() ? "" : "; ", place_name(c, x),
                           volume, overlay);
      near = near && volume > 0 && volume < 1.3;
      slower = slower || overlay > 1.5;
    }
    c.finding = "Times a plain directory's time: " + words + ".";
    c.borne_out = near && slower;
  };
  return claim;
}

Claim mounting() {
  Claim claim;
  claim.chart = chart("mount", "Mounting takes longer with every layer.", "lower layers");
  claim.xs = {1, 2, 4, 8, 16, 32, 64, 128};
  claim.native = false;
  claim.at = [](double x) {
    Measurement m;
    m.lowers = static_cast<size_t>(x);
    m.times_mount = true;
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const Ends kernel = ends(c, "kernel");
    c.finding = fmt::format("Mounting takes {} with one lower layer, {} with 128.", duration(kernel.first),
                            duration(kernel.last));
    c.borne_out = kernel.growth() > 1.5;
  };
  return claim;
}

// Which part of the lower file is in the same pages, seen from here? It was read through its layer only.
double resident_share(int dir, size_t size) {
  const Fd file = open_at(dir, "f", O_RDONLY);
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  std::vector<unsigned char> pages((size + 4095) / 4096);
  const int result = mincore(map, size, pages.data());
  (void)munmap(map, size);
  check(result, "mincore");
  size_t resident = 0;
  for (const unsigned char page : pages) resident += page & 1;
  return static_cast<double>(resident) / static_cast<double>(pages.size());
}

Claim page_cache() {
  constexpr size_t kSize = 8 << 20;
  Claim claim;
  claim.chart = chart("page-cache",
                      "Containers of one image share its pages in memory: what the layer has been read once, "
                      "no mount reads again.",
                      "file", "", {"lower file, first looked at here"});
  claim.chart.share = true;
  claim.xs = {0};
  claim.native = false;
  claim.at = [](double) {
    Measurement m;
    m.lowest = [](int dir) { make_file(dir, "f", kSize); };
    m.run = [](int dir) { return resident_share(dir, kSize); };
    return m;
  };
  claim.judge = [](BenchChart& c) {
    const double kernel = at(c, "kernel", 0);
    c.finding = fmt::format(
        "Of a file that the layer's own file system holds in memory, a new mount has {:.0f} % in memory at "
        "once.",
        kernel * 100);
    c.borne_out = kernel > 0.99;
  };
  return claim;
}

}  // namespace

std::vector<Claim> all_claims(double largest) {
  return {reads(),
          first_writes(largest),
          written_bytes(largest),
          second_writes(largest),
          metacopy(largest),
          lookup("lookup-first", "A lookup costs more with every layer that has to be searched.", false),
          lookup("lookup-again", "Lookups are cached: the next one does not depend on the number of layers.",
                 true),
          readdir_layers(),
          readdir_entries(),
          metadata(),
          volumes(),
          mounting(),
          page_cache()};
}

}  // namespace ovlcheck
