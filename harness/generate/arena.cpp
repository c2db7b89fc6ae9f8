#include "harness/generate/arena.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "harness/case/problem.h"
#include "harness/generate/operation.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/layers.h"

namespace ovlcheck::generate {
namespace {

[[noreturn]] void broken(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

std::string lane_name(size_t lane) {
  return "l" + std::to_string(lane);
}

// Hard links name their other name from the layer's root.
void move_links(Tree& node, const std::string& place) {
  if (node.type == NodeType::hardlink) node.target = place + "/" + node.target;
  for (auto& [name, child] : node.children) move_links(child, place);
}

Tree laid_out(const std::vector<const Scenario*>& lanes, const Tree& (*layer)(const Scenario&)) {
  Tree all;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const Tree& one = layer(*lanes[i]);
    if (one.children.empty() && &one == &lanes[i]->upper) continue;  // a lane only lower layers know
    Tree& placed = all.children[lane_name(i)] = one;
    move_links(placed, lane_name(i));
  }
  return all;
}

// Do both write marks alike, so that one set of lower layers serves both?
bool same_format(const Dialect& a, const Dialect& b) {
  const Tree probe =
      tree_from_json(Json::parse(R"({"w": {"whiteout": true}, "d/": {".": {"opaque": true}}})"), "");
  try {
    return json_from_tree(a.encode(probe)) == json_from_tree(b.encode(probe));
  } catch (const BadCase&) {
    return false;
  }
}

Fd opened(int base, const std::string& name) {
  Fd fd(::openat(base, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) broken("open " + name, errno);
  return fd;
}

}  // namespace

std::string Arena::place(size_t lane) {
  return "/" + lane_name(lane);
}

Arena::Arena(const Sandbox& sandbox, const Pair& pair, const std::vector<const Scenario*>& lanes,
             Options options)
    : options_(std::move(options)) {
  static size_t next = 0;
  const std::string name = "arena" + std::to_string(next++);
  if (::mkdirat(sandbox.directory(), name.c_str(), 0755) != 0) broken("mkdir " + name, errno);
  directory_ = opened(sandbox.directory(), name);
  path_ = sandbox.path() + "/" + name;
  const std::vector<Tree> lowers = {
      laid_out(lanes, [](const Scenario& s) -> const Tree& { return s.lowers[0]; }),
      laid_out(lanes, [](const Scenario& s) -> const Tree& { return s.lowers[1]; })};
  const Tree upper = laid_out(lanes, [](const Scenario& s) -> const Tree& { return s.upper; });
  at(Side::subject).adapter = &pair.subject;
  at(Side::reference).adapter = &pair.reference;
  for (const Side side : kSides) prepare(side, lowers, upper);
  lowers_before_ = lower_fingerprint();
  for (const Side side : kSides) bring_up(at(side));
}

Arena::~Arena() {
  for (Half& half : halves_) {
    half.other_user.reset();
    if (!half.mount) continue;
    // A subject that does not go in order is taken down by force.
    (void)half.mount->unmount();
  }
  (void)go_home();
}

void Arena::prepare(Side side, const std::vector<Tree>& lowers, const Tree& upper) {
  Half& half = at(side);
  const std::string suffix = side == Side::subject ? "s" : "r";
  half.dirs.dir = directory_.get();
  half.dirs.path = path_;
  half.dirs.merged = "merged-" + suffix;
  if (!half.adapter->has_layers()) return build(nullptr, half.dirs.merged, flatten(&upper, lowers));
  build(nullptr, half.dirs.merged, {});
  const Half& first = at(kSides[0]);
  if (side != kSides[0] && first.adapter->has_layers() &&
      same_format(first.adapter->dialect(), half.adapter->dialect())) {
    half.dirs.lowers = first.dirs.lowers;
  } else {
    for (size_t i = 0; i < lowers.size(); ++i) {
      half.dirs.lowers.push_back("lower" + std::to_string(i) + "-" + suffix);
      build(&half.adapter->dialect(), half.dirs.lowers.back(), lowers[i]);
      lowers_.push_back(half.dirs.lowers.back());
    }
  }
  half.dirs.upper = "upper-" + suffix;
  half.dirs.work = "work-" + suffix;
  build(&half.adapter->dialect(), half.dirs.upper, upper);
  build(nullptr, half.dirs.work, {});
  half.upper = opened(directory_.get(), half.dirs.upper);
}

void Arena::build(const Dialect* dialect, const std::string& name, const Tree& tree) {
  if (::mkdirat(directory_.get(), name.c_str(), 0755) != 0) broken("mkdir " + name, errno);
  const Fd target = opened(directory_.get(), name);
  std::string where;
  if (const auto built = build_tree(target.get(), dialect ? dialect->encode(tree) : tree, &where); !built)
    broken("build " + name + "/" + where, built.error());
}

void Arena::bring_up(Half& half) {
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  auto mounted = half.adapter->mount(half.dirs, options_);
  if (!mounted) throw std::runtime_error(mounted.error().message);
  half.mount = std::move(*mounted);
}

Vfs& Arena::vfs_of_other_user(Side side) {
  Half& half = at(side);
  if (half.other_user) return *half.other_user;
  Actor actor;
  actor.uid = kOtherUser;
  actor.gid = kOtherUser;
  auto view = half.mount->vfs().act_as(actor);
  if (!view) throw std::runtime_error("no other user can be had here");
  half.other_user = std::move(*view);
  return *half.other_user;
}

void Arena::remount(const std::function<void(Vfs& upper)>& offline) {
  for (Half& half : halves_) {
    half.other_user.reset();
    if (const auto down = half.mount->unmount(); !down) broken("unmount " + half.dirs.merged, down.error());
    half.mount.reset();
    if (!half.upper) continue;
    auto upper = open_kernel_vfs(half.upper.get());
    if (!upper) broken("enter " + half.dirs.upper, upper.error());
    offline(**upper);
    (*upper)->let_go();
  }
  for (const Side side : kSides) bring_up(at(side));
}

Tree Arena::merged(Side side) {
  Mount& mount = *at(side).mount;
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  return mount.directory() >= 0 ? snapshot(mount.directory()) : snapshot(mount.vfs());
}

Tree Arena::upper(Side side) {
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  return at(side).adapter->dialect().decode(snapshot(at(side).upper.get()));
}

uint64_t Arena::lower_fingerprint() const {
  uint64_t sum = 0;
  for (const auto& name : lowers_)
    sum = sum * 31 + fingerprint(opened(directory_.get(), name).get(), Notice::everything);
  return sum;
}

bool Arena::lowers_changed() const {
  return lower_fingerprint() != lowers_before_;
}

std::string Arena::died(Side side) {
  return at(side).mount->died().value_or("");
}

}  // namespace ovlcheck::generate
