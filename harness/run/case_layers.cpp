#include "harness/run/case_layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "harness/case/problem.h"
#include "harness/judge/judge.h"
#include "harness/ops/layers.h"
#include "harness/run/other_overlays.h"
#include "harness/run/stop.h"

namespace ovlcheck {

CaseLayers::CaseLayers(const Case& c, Adapter& adapter, const Sandbox& sandbox, const Stage* stage)
    : case_(c),
      adapter_(adapter),
      sandbox_(sandbox),
      stage_(stage),
      staged_name_(staged_name(c)),
      lower_file_systems_(sandbox.environment().lower_fs) {}

void CaseLayers::prepare() {
  if (stage_) return find_staged();
  const std::string name = std::to_string(next_directory_++);
  if (mkdirat(sandbox_.directory(), name.c_str(), 0755) != 0) stop("mkdir of the case's directory");
  directory_ = Fd(openat(sandbox_.directory(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) stop("open the case's directory");
  dirs_.dir = directory_.get();
  dirs_.path = sandbox_.path() + "/" + name;
  make_directory(dirs_.merged);
  if (!adapter_.has_layers())
    return build(dirs_.merged, flatten(case_.upper ? &*case_.upper : nullptr, case_.lowers), false);
  for (const auto& lower : case_.lowers)
    add_layer(dirs_.lowers, "lower" + std::to_string(dirs_.lowers.size()), lower);
  for (const auto& data : case_.data) add_layer(dirs_.data, "data" + std::to_string(dirs_.data.size()), data);
  if (!case_.upper) return;
  dirs_.upper = "upper";
  dirs_.work = "work";
  make_directory(dirs_.upper);
  make_directory(dirs_.work);
  build(dirs_.upper, *case_.upper, true);
  names_.push_back("upper");
}

void CaseLayers::find_staged() {
  const auto there = stage_->open("merged", staged_name_);
  if (!there && there.error() == ENOTCONN) throw Stop{End::error, "what was mounted at merged has ended"};
  if (!there)
    throw Stop{there.error() == ENOENT ? End::skip : End::error,
               "it is not staged there: merged/" + staged_name_ + ": " + std::strerror(there.error())};
  for (size_t i = 0; i < std::min(case_.lowers.size(), stage_->lowers()); ++i) {
    names_.push_back("lower[" + std::to_string(i) + "]");
    dirs_.lowers.push_back("lower" + std::to_string(i));
  }
  dirs_.upper = "upper";
  names_.push_back("upper");
  if (stage_->is_foreign() && !compare_trees(*case_.upper, look("upper")).empty())
    throw Stop{End::error, "upper/" + staged_name_ +
                               " does not hold what was staged there (every stage serves one run): run "
                               "`ovlcheck stage` again, with new directories"};
}

void CaseLayers::add_layer(std::vector<std::string>& group, const std::string& name, const Tree& tree) {
  make_directory(name);
  if (sandbox_.environment().lower_fs == "tmpfs") mount_empty(name);
  build(name, tree, true);
  make_read_only(name);
  names_.push_back((&group == &dirs_.data ? "data[" : "lower[") + std::to_string(group.size()) + "]");
  group.push_back(name);
}

tl::expected<std::unique_ptr<Mount>, MountError> CaseLayers::mount(const Options& options) {
  return stage_ ? stage_->enter(staged_name_) : adapter_.mount(dirs_, options);
}

void CaseLayers::reorder(const Json& indices) {
  const auto all = dirs_.lowers;
  dirs_.lowers.clear();
  for (const auto& index : indices) dirs_.lowers.push_back(all.at(index.get<size_t>()));
}

std::optional<std::string> CaseLayers::directory_of(const std::string& layer) const {
  if (stage_) return layer_directory(dirs_, layer);
  if (layer == "merged" || (layer == "upper" && !dirs_.upper.empty()) ||
      (layer == "work" && !dirs_.work.empty()))
    return layer;
  // By name: their order may have changed.
  for (const auto* group : {"lower", "data"}) {
    const std::string prefix = std::string(group) + "[";
    if (!layer.starts_with(prefix) || !layer.ends_with("]")) continue;
    const std::string name = group + layer.substr(prefix.size(), layer.size() - prefix.size() - 1);
    if (faccessat(dirs_.dir, name.c_str(), F_OK, 0) == 0) return name;
  }
  return std::nullopt;
}

Fd CaseLayers::open(const std::string& directory) const {
  if (stage_) {
    auto staged = stage_->open(directory, staged_name_);
    if (!staged) stop("open " + directory + "/" + staged_name_, staged.error());
    return std::move(*staged);
  }
  Fd fd(openat(dirs_.dir, directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) stop("open " + directory);
  return fd;
}

Tree CaseLayers::look(const std::string& layer) {
  if (stage_) return stage_->look(*directory_of(layer), staged_name_, adapter_.dialect());
  return adapter_.dialect().decode(snapshot(descriptor(layer)));
}

void CaseLayers::make_directory(const std::string& name) const {
  if (mkdirat(dirs_.dir, name.c_str(), 0755) != 0) stop("mkdir " + name);
}

void CaseLayers::build(const std::string& directory, const Tree& tree, bool encoded) const {
  Tree raw;
  try {
    raw = encoded ? adapter_.dialect().encode(tree) : tree;
  } catch (const BadCase& cannot) {
    throw Stop{End::skip, std::string("this format has no such mark: ") + cannot.problems.front().message};
  }
  const Fd target = open(directory);
  std::string where;
  if (auto built = build_tree(target.get(), raw, &where); !built) {
    const bool missing_privilege = built.error() == EPERM || built.error() == EINVAL;
    throw Stop{missing_privilege ? End::skip : End::error,
               "cannot build " + directory + "/" + where + " here: " + std::strerror(built.error())};
  }
}

void CaseLayers::mount_empty(const std::string& directory) {
  try {
    lower_file_systems_.mount_empty(dirs_.path + "/" + directory);
  } catch (const std::runtime_error& cannot) {
    throw Stop{End::skip, cannot.what()};
  }
}

void CaseLayers::make_read_only(const std::string& directory) {
  const std::string& fs = sandbox_.environment().lower_fs;
  if (!is_image(fs)) return;
  std::string lost;
  try {
    lost = lower_file_systems_.replace(dirs_.dir, directory, dirs_.path + "/" + directory);
  } catch (const std::runtime_error& cannot) {
    throw Stop{End::skip, cannot.what()};
  }
  if (!lost.empty()) throw Stop{End::skip, fs + " does not keep " + lost};
}

int CaseLayers::descriptor(const std::string& layer) {
  Fd& fd = descriptors_[layer];
  if (!fd) fd = open(directory_of(layer).value_or(layer));
  return fd.get();
}

uint64_t CaseLayers::fingerprint_of(const std::string& layer) {
  const Notice notice = layer == "upper" ? Notice::meaning : Notice::everything;
  if (stage_) return stage_->fingerprint_of(*directory_of(layer), staged_name_, notice);
  return fingerprint(descriptor(layer), notice);
}

std::vector<uint64_t> CaseLayers::fingerprints() {
  std::vector<uint64_t> all;
  for (const auto& name : names_) all.push_back(fingerprint_of(name));
  return all;
}

uint64_t CaseLayers::fingerprint_of_lowers() {
  uint64_t sum = 0;
  for (const auto& name : names_)
    if (name != "upper") sum = sum * 31 + fingerprint_of(name);
  return sum;
}

}  // namespace ovlcheck
