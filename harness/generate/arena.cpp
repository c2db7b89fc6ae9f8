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

// Do both write marks alike, so that one set of lower layers serves them?
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

Arena::Arena(const Sandbox& sandbox, const std::vector<Adapter*>& parties,
             const std::vector<const Scenario*>& lanes, Options options)
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
  for (Adapter* adapter : parties) parties_.emplace_back().adapter = adapter;
  for (size_t party = 0; party < parties_.size(); ++party) prepare(party, lowers, upper);
  lowers_before_ = lower_fingerprint();
  for (Party& party : parties_) bring_up(party);
}

Arena::~Arena() {
  for (Party& party : parties_) {
    party.other_user.reset();
    if (!party.mount) continue;
    // A subject that does not go in order is taken down by force.
    (void)party.mount->unmount();
  }
  (void)go_home();
}

void Arena::prepare(size_t number, const std::vector<Tree>& lowers, const Tree& upper) {
  Party& party = parties_[number];
  const std::string suffix = std::to_string(number);
  party.dirs.dir = directory_.get();
  party.dirs.path = path_;
  party.dirs.merged = "merged-" + suffix;
  if (!party.adapter->has_layers()) return build(nullptr, party.dirs.merged, flatten(&upper, lowers));
  build(nullptr, party.dirs.merged, {});
  const Party& first = parties_[kReference];
  if (number != kReference && first.adapter->has_layers() &&
      same_format(first.adapter->dialect(), party.adapter->dialect())) {
    party.dirs.lowers = first.dirs.lowers;
  } else {
    for (size_t i = 0; i < lowers.size(); ++i) {
      party.dirs.lowers.push_back("lower" + std::to_string(i) + "-" + suffix);
      build(&party.adapter->dialect(), party.dirs.lowers.back(), lowers[i]);
      lowers_.push_back(party.dirs.lowers.back());
    }
  }
  party.dirs.upper = "upper-" + suffix;
  party.dirs.work = "work-" + suffix;
  build(&party.adapter->dialect(), party.dirs.upper, upper);
  build(nullptr, party.dirs.work, {});
  party.upper = opened(directory_.get(), party.dirs.upper);
}

void Arena::build(const Dialect* dialect, const std::string& name, const Tree& tree) {
  if (::mkdirat(directory_.get(), name.c_str(), 0755) != 0) broken("mkdir " + name, errno);
  const Fd target = opened(directory_.get(), name);
  std::string where;
  if (const auto built = build_tree(target.get(), dialect ? dialect->encode(tree) : tree, &where); !built)
    broken("build " + name + "/" + where, built.error());
}

void Arena::bring_up(Party& party) {
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  auto mounted = party.adapter->mount(party.dirs, options_);
  if (!mounted) throw std::runtime_error(mounted.error().message);
  party.mount = std::move(*mounted);
}

Vfs& Arena::vfs_of_other_user(size_t number) {
  Party& party = parties_[number];
  if (party.other_user) return *party.other_user;
  Actor actor;
  actor.uid = kOtherUser;
  actor.gid = kOtherUser;
  auto view = party.mount->vfs().act_as(actor);
  if (!view) throw std::runtime_error("no other user can be had here");
  party.other_user = std::move(*view);
  return *party.other_user;
}

void Arena::remount(const std::function<void(Vfs& upper)>& offline) {
  for (Party& party : parties_) {
    party.other_user.reset();
    if (const auto down = party.mount->unmount(); !down) broken("unmount " + party.dirs.merged, down.error());
    party.mount.reset();
    if (!party.upper) continue;
    auto upper = open_kernel_vfs(party.upper.get());
    if (!upper) broken("enter " + party.dirs.upper, upper.error());
    offline(**upper);
    (*upper)->let_go();
  }
  for (Party& party : parties_) bring_up(party);
}

Tree Arena::merged(size_t party) {
  Mount& mount = *parties_[party].mount;
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  return mount.directory() >= 0 ? snapshot(mount.directory()) : snapshot(mount.vfs());
}

Tree Arena::upper(size_t party) {
  if (const auto home = go_home(); !home) broken("leave the merged tree", home.error());
  return parties_[party].adapter->dialect().decode(snapshot(parties_[party].upper.get()));
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

}  // namespace ovlcheck::generate
