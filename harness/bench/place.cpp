#include "harness/bench/place.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "harness/bench/files.h"
#include "harness/ops/layers.h"

namespace ovlcheck {
namespace {

// A directory for one measurement; removed with all that is in it.
class Room {
 public:
  Room(int parent) : parent_(parent) {
    make_dir(parent, kName);
    dir_ = open_directory_at(parent, kName);
  }
  ~Room() {
    (void)remove_below(dir_.get());
    dir_.reset();
    (void)unlinkat(parent_, kName, AT_REMOVEDIR);
  }
  Room(const Room&) = delete;
  int dir() const { return dir_.get(); }
  static constexpr const char* kName = "room";

 private:
  const int parent_;
  Fd dir_;
};

// A bind mount of `from` over `to`, both absolute.
class BindMount {
 public:
  BindMount(const std::string& from, std::string to) : to_(std::move(to)) {
    check(mount(from.c_str(), to_.c_str(), nullptr, MS_BIND, nullptr), "bind mount over " + to_);
  }
  ~BindMount() { (void)umount2(to_.c_str(), MNT_DETACH); }
  BindMount(const BindMount&) = delete;

 private:
  const std::string to_;
};

void fill(int room, const std::string& layer, const std::function<void(int)>& with) {
  if (with) with(open_directory_at(room, layer).get());
}

double run_in(int dir, const Measurement& what) {
  if (what.before) what.before(dir);
  return what.run(dir);
}

// The files of all layers in one directory.
double measure_native(int room, const Measurement& what) {
  make_dir(room, "native");
  const Fd dir = open_directory_at(room, "native");
  for (const auto& with : {what.lowest, what.others, what.upper})
    if (with) with(dir.get());
  return run_in(dir.get(), what);
}

}  // namespace

double Place::measure(const BenchSubject& subject, const Measurement& what) {
  const Room room(dir_);
  if (subject.kind == Kind::native) return measure_native(room.dir(), what);

  LayerDirs dirs;
  dirs.dir = room.dir();
  dirs.path = path_ + "/" + Room::kName;
  for (size_t i = 0; i < what.lowers; ++i) {
    dirs.lowers.push_back("lower" + std::to_string(i));
    make_dir(room.dir(), dirs.lowers.back());
    fill(room.dir(), dirs.lowers.back(), i + 1 == what.lowers ? what.lowest : what.others);
  }
  dirs.upper = "upper";
  dirs.work = "work";
  for (const char* name : {"upper", "work", "merged", "volume"}) make_dir(room.dir(), name);
  fill(room.dir(), "upper", what.upper);

  const auto start = std::chrono::steady_clock::now();
  auto mounted = subject.adapter->mount(dirs, subject.options);
  const std::chrono::duration<double> mounting = std::chrono::steady_clock::now() - start;
  if (!mounted) throw std::runtime_error(subject.name + " does not mount: " + mounted.error().message);
  if (what.times_mount) return mounting.count();
  (*mounted)->vfs().let_go();
  const int merged = (*mounted)->directory();
  if (subject.kind == Kind::overlay) return run_in(merged, what);

  fill(room.dir(), "volume", what.lowest);
  make_dir(merged, "volume");
  const BindMount volume(dirs.path + "/volume", dirs.path + "/merged/volume");
  return run_in(open_directory_at(merged, "volume").get(), what);
}

}  // namespace ovlcheck
