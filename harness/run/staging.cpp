#include "harness/run/staging.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "harness/ops/directory.h"
#include "harness/ops/kernel_vfs.h"

namespace ovlcheck {

Staging::Staging(Adapter& adapter, const Sandbox& sandbox) : adapter_(adapter), sandbox_(sandbox) {}

void Staging::clear() {
  by_case_.clear();
  stages_.clear();
  places_.clear();
}

const Stage* Staging::stage_of(const Case& c) const {
  const auto found = by_case_.find(c.name());
  return found == by_case_.end() ? nullptr : found->second.get();
}

void Staging::done_with(const Case& c) {
  const auto found = by_case_.find(c.name());
  if (found == by_case_.end()) return;
  const std::shared_ptr<Stage> stage = found->second;
  by_case_.erase(found);
  if (stage->died()) std::erase_if(by_case_, [&](const auto& entry) { return entry.second == stage; });
}

void Staging::prepare(const std::vector<Case>& batch) {
  clear();
  std::map<Options, std::vector<const Case*>> by_options;
  for (const Case& c : batch)
    if (!needs_own_mount(c) && !adapter_.cannot(c)) by_options[adapter_.effective(c.mount)].push_back(&c);
  for (const auto& [options, cases] : by_options)
    if (cases.size() > 1) mount(cases);
  // A mount stands in its tree; what is done next is not done there.
  if (!go_home()) clear();
}

void Staging::mount(const std::vector<const Case*>& cases) {
  // Threads that stood in an earlier mount must not make paths of this one.
  if (!go_home()) return;
  const std::string name = "stage" + std::to_string(next_directory_++);
  auto make = [](int dir, const std::string& directory) -> Sys<Fd> {
    if (mkdirat(dir, directory.c_str(), 0755) != 0) return failed(errno);
    return open_directory(dir, directory.c_str());
  };
  auto place = make(sandbox_.directory(), name);
  if (!place) return;
  LayerDirs dirs;
  dirs.dir = place->get();
  dirs.path = sandbox_.path() + "/" + name;
  dirs.upper = "upper";
  dirs.work = "work";
  size_t depth = 0;
  for (const Case* c : cases) depth = std::max(depth, c->lowers.size());
  std::vector<Fd> lowers;
  for (size_t i = 0; i < depth; ++i) {
    dirs.lowers.push_back("lower" + std::to_string(i));
    auto lower = make(place->get(), dirs.lowers.back());
    if (!lower) return;
    lowers.push_back(std::move(*lower));
  }
  auto upper = make(place->get(), dirs.upper);
  if (!upper || !make(place->get(), dirs.work) || !make(place->get(), dirs.merged)) return;

  std::vector<const Case*> built;
  for (const Case* c : cases)
    if (!build_staged(*c, adapter_.dialect(), *upper, lowers)) built.push_back(c);
  auto mounted = adapter_.mount(dirs, cases.front()->mount);
  if (!mounted || (*mounted)->directory() < 0) return;
  auto merged = open_directory((*mounted)->directory(), ".");
  if (!merged) return;
  stages_.push_back(
      std::make_shared<Stage>(std::move(*merged), std::move(*upper), std::move(lowers), std::move(*mounted)));
  places_.push_back(std::move(*place));
  for (const Case* c : built) by_case_[c->name()] = stages_.back();
}

}  // namespace ovlcheck
