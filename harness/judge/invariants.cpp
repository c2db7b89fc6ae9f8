#include "harness/judge/invariants.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "harness/case/print.h"
#include "harness/case/tree.h"

namespace ovlcheck {
namespace {

constexpr mode_t kSetIds = 06000;
constexpr const char* kCapability = "security.capability";

bool is_below_upper(std::string_view layer) {
  return layer.starts_with("lower[") || layer.starts_with("data[");
}

// Calls visit(step, result) for every step that has a result, those of tracks included if `into(step)`.
template <class Into, class Visit>
void walk(const std::vector<Step>& steps, const std::vector<StepResult>& results, const Into& into,
          const Visit& visit) {
  for (size_t i = 0; i < std::min(steps.size(), results.size()); ++i) {
    visit(steps[i], results[i]);
    if (!into(steps[i])) continue;
    for (size_t t = 0; t < std::min(steps[i].tracks.size(), results[i].tracks.size()); ++t)
      walk(steps[i].tracks[t], results[i].tracks[t], into, visit);
  }
}

bool is_offline_on(const Step& step, const std::string& layer) {
  if (step.op != "offline") return false;
  auto it = step.args.find("offline");
  return it != step.args.end() && *it == layer;
}

void check_lower(const Case& c, const Observation& seen, std::vector<Deviation>& broken) {
  auto visit = [&broken](const Step& step, const StepResult& result) {
    for (const std::string& layer : result.touched)
      if (is_below_upper(layer) && !is_offline_on(step, layer))
        broken.push_back({"invariant lower-unchanged",
                          describe(step),
                          layer + " never changes",
                          fmt::format("{} changed during {}", layer, step.where),
                          {}});
  };
  walk(
      c.steps, seen.steps, [](const Step& step) { return step.op != "offline"; }, visit);
}

void check_failed_steps(const Case& c, const Observation& seen, std::vector<Deviation>& broken) {
  auto visit = [&broken](const Step& step, const StepResult& result) {
    if (result.error == 0 || step.copies_up || is_offline_on(step, "upper")) return;
    if (std::find(result.touched.begin(), result.touched.end(), "upper") == result.touched.end()) return;
    broken.push_back({"invariant failed-step-leaves-upper",
                      describe(step),
                      "a step that fails leaves upper as it was",
                      fmt::format("{} failed and changed upper", step.where),
                      {}});
  };
  walk(
      c.steps, seen.steps, [](const Step&) { return false; }, visit);
}

void collect_privileged(const Tree& node, const std::string& path, std::vector<std::string>& names) {
  if (node.type != NodeType::directory &&
      ((node.mode.value_or(0) & kSetIds) != 0 || node.xattrs.count(kCapability) != 0))
    names.push_back(text_from_bytes(path));
  for (const auto& [name, child] : node.children)
    collect_privileged(child, path.empty() ? name : path + "/" + name, names);
}

bool has_set_id(const Json& mode) {
  if (!mode.is_string()) return false;
  const auto& text = mode.get_ref<const std::string&>();  // octal, or names of fallocate
  if (text.size() < 4 || text.find_first_not_of("01234567") != std::string::npos) return false;
  return ((text[text.size() - 4] - '0') & 06) != 0;
}

void check_privilege(const Case& c, const Observation& seen, std::vector<Deviation>& broken) {
  auto before = seen.trees.find("before");
  auto after = seen.trees.find("merged");
  if (after == seen.trees.end()) return;
  const std::vector<std::string> has = privileged_files(after->second);
  if (has.empty()) return;
  std::vector<std::string> had;
  if (before != seen.trees.end()) had = privileged_files(before->second);
  size_t allowed = had.size();
  bool revealed = false;
  auto visit = [&](const Step& step, const StepResult& result) {
    revealed |= reveals_names(step);
    if (step.op == "run" || step.op == "execve")
      allowed += had.size();  // a program may copy every one of them
    else if (result.error == 0 && grants_privilege(step))
      ++allowed;
  };
  walk(
      c.steps, seen.steps, [](const Step&) { return true; }, visit);
  if (revealed || has.size() <= allowed) return;
  std::string gained;
  for (const std::string& name : has)
    if (std::find(had.begin(), had.end(), name) == had.end()) gained += (gained.empty() ? "" : ", ") + name;
  broken.push_back({"invariant no-gained-privilege",
                    "",
                    fmt::format("at most {} files with set-id bits or capabilities", allowed),
                    fmt::format("{} files, new among them: {}", has.size(), gained),
                    {}});
}

void collect_trouble(const Tree& node, const std::string& path, std::vector<TreeDifference>& found) {
  if (!node.trouble.empty())
    found.push_back({path.empty() ? "." : text_from_bytes(path), "trouble", "", node.trouble});
  for (const auto& [name, child] : node.children)
    collect_trouble(child, path.empty() ? name : path + "/" + name, found);
}

void report_trouble(const Tree& tree, const std::string& when, const std::string& step,
                    std::vector<Deviation>& broken) {
  std::vector<TreeDifference> found;
  collect_trouble(tree, "", found);
  if (found.empty()) return;
  broken.push_back({"invariant readdir-agrees-with-stat", step, "every name readdir gives can be looked at",
                    fmt::format("not so in merged {}", when), std::move(found)});
}

void check_names(const Case& c, const Observation& seen, std::vector<Deviation>& broken) {
  auto visit = [&broken](const Step& step, const StepResult& result) {
    if (step.op == "tree" && result.value.is_object() && step.args.value("tree", "") == "merged")
      report_trouble(tree_from_json(result.value, step.where), "at " + step.where, describe(step), broken);
  };
  walk(
      c.steps, seen.steps, [](const Step&) { return true; }, visit);
  if (auto it = seen.trees.find("merged"); it != seen.trees.end())
    report_trouble(it->second, "at the end", "", broken);
}

}  // namespace

bool grants_privilege(const Step& step) {
  if (step.op == "link" || step.op == "flink") return true;
  if (step.op == "setxattr" || step.op == "lsetxattr" || step.op == "fsetxattr")
    return step.args.value("name", "") == kCapability;
  auto mode = step.args.find("mode");
  return mode != step.args.end() && has_set_id(*mode);
}

bool reveals_names(const Step& step) {
  if (step.op == "offline" || step.op == "volume") return true;
  return (step.op == "mount" || step.op == "remount") && step.args.contains("order");
}

std::vector<std::string> privileged_files(const Tree& tree) {
  std::vector<std::string> names;
  collect_privileged(tree, "", names);
  return names;
}

std::vector<Deviation> broken_invariants(const Case& c, const Observation& seen) {
  std::vector<Deviation> broken;
  check_lower(c, seen, broken);
  check_failed_steps(c, seen, broken);
  check_privilege(c, seen, broken);
  check_names(c, seen, broken);
  return broken;
}

}  // namespace ovlcheck
