#include "harness/case/lint_case.h"

#include <algorithm>
#include <map>
#include <set>

#include "harness/case/lint_expect.h"
#include "harness/case/scan.h"
#include "harness/case/suggest.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

// What a name given with "as" stands for.
enum class Given { descriptor, mapping, handle, events, listing, result };

Given given_by(std::string_view operation) {
  if (operation == "open" || operation == "tmpfile" || operation == "open_by_handle")
    return Given::descriptor;
  if (operation == "mmap") return Given::mapping;
  if (operation == "name_to_handle") return Given::handle;
  if (operation == "inotify") return Given::events;
  if (operation == "readdir") return Given::listing;
  return Given::result;
}

// How to get a name of that kind, for messages.
const char* giver(Given given) {
  switch (given) {
    case Given::descriptor:
      return "an \"open\"";
    case Given::mapping:
      return "an \"mmap\"";
    case Given::handle:
      return "a \"name_to_handle\"";
    case Given::events:
      return "an \"inotify\"";
    case Given::listing:
      return "a \"readdir\"";
    case Given::result:
      break;
  }
  return "a step";
}

// Where a list of steps stands.
enum class Inside { the_case, parallel, offline, overlay };

class CaseLint {
 public:
  explicit CaseLint(const Case& c) : case_(c), mounted_(c.mounted) {}

  std::vector<Problem> run() {
    check_trees();
    check_steps(case_.steps, Inside::the_case);
    check_after(case_.after, "/after");
    return std::move(problems_);
  }

 private:
  void tell(const std::string& pointer, const std::string& message) {
    problems_.push_back({.file = "", .pointer = pointer, .message = message});
  }

  // Trees.

  void check_trees() {
    const auto all = [this](const std::vector<Tree>& trees, const std::string& pointer) {
      for (size_t i = 0; i < trees.size(); ++i)
        check_hardlinks(trees[i], trees[i], pointer + '/' + std::to_string(i));
    };
    all(case_.lowers, "/lower");
    all(case_.data, "/data");
    if (case_.upper) check_hardlinks(*case_.upper, *case_.upper, "/upper");
  }

  void check_hardlinks(const Tree& root, const Tree& node, const std::string& pointer) {
    for (const auto& [name, child] : node.children) {
      const bool directory = child.type == NodeType::directory;
      const std::string here = pointer + '/' + pointer_token(text_from_bytes(name) + (directory ? "/" : ""));
      if (directory) check_hardlinks(root, child, here);
      if (child.type != NodeType::hardlink) continue;
      const Tree* other = find_node(root, child.target);
      if (!other || other->type == NodeType::directory || other->type == NodeType::hardlink)
        tell(here + "/hardlink", "must be the path of a file of the same tree that is no hardlink itself");
    }
  }

  // Layers.

  bool is_numbered(const std::string& layer, const std::string& name, size_t count) const {
    for (size_t i = 0; i < count; ++i)
      if (layer == name + '[' + std::to_string(i) + ']') return true;
    return false;
  }

  bool is_layer(const std::string& layer) const {
    if (layer == "upper" || layer == "work") return case_.upper.has_value();
    if (const size_t dot = layer.find('.'); dot != layer.npos)
      return is_layer_of_other(layer.substr(0, dot), layer.substr(dot + 1));
    return layer == "merged" || is_numbered(layer, "lower", case_.lowers.size()) ||
           is_numbered(layer, "data", case_.data.size());
  }

  bool is_layer_of_other(const std::string& name, const std::string& layer) const {
    const auto found = others_.find(name);
    if (found == others_.end()) return false;
    const Json& args = found->second->args;
    if (layer == "upper" || layer == "work") return !args.contains("upper") || !args.at("upper").is_null();
    return layer == "merged" || is_numbered(layer, "lower", args.at("lower").size());
  }

  void check_layer(const std::string& layer, const std::string& pointer) {
    if (is_layer(layer)) return;
    std::string known = "merged";
    if (case_.upper) known += ", upper, work";
    for (size_t i = 0; i < std::min<size_t>(case_.lowers.size(), 3); ++i)
      known += ", lower[" + std::to_string(i) + "]";
    if (!case_.data.empty()) known += ", data[0]";
    for (const auto& [name, step] : others_) known += ", " + name + ".merged";
    tell(pointer, "there is no layer \"" + layer + "\"; known are " + known);
  }

  void check_after(const Json& after, const std::string& pointer) {
    if (!after.is_object()) return;
    if (after.contains("if") && after.contains("then")) {
      check_after(after.at("then"), pointer + "/then");
      if (after.contains("else")) check_after(after.at("else"), pointer + "/else");
      return;
    }
    for (const auto& [layer, tree] : after.items()) {
      const std::string here = pointer + '/' + pointer_token(layer);
      check_layer(layer, here);
      check_tree(tree, here);
    }
  }

  void check_tree(const Json& tree, const std::string& pointer) {
    try {
      tree_from_json(tree, pointer);
    } catch (const BadCase& bad) {
      problems_.insert(problems_.end(), bad.problems.begin(), bad.problems.end());
    }
  }

  // Steps.

  void check_steps(const std::vector<Step>& steps, Inside inside) {
    for (const Step& step : steps) check_step(step, inside);
  }

  void check_step(const Step& step, Inside inside) {
    const Operation& operation = *find_operation(step.op);
    check_actor(step);
    check_constants(step);
    if (operation.of_the_harness) {
      check_place(step, inside);
      check_harness_step(step);
    } else {
      if (!mounted_ && inside == Inside::the_case)
        tell(step.where, "nothing is mounted here; a \"mount\" must come first");
      check_operand(step, operation);
    }
    if (step.op != "tree")
      lint_expectation(
          step.expect, operation, results_, step.where + "/expect",
          [this](const std::string& pointer, const std::string& message) { tell(pointer, message); });
    if (!step.as.empty()) give(step, operation);
  }

  void give(const Step& step, const Operation& operation) {
    if (!operation.results.empty()) results_[step.as] = &operation;
    given_[step.as] = given_by(step.op);
  }

  void check_actor(const Step& step) {
    if (step.actor.empty() || case_.actors.contains(step.actor)) return;
    std::vector<std::string_view> known;
    for (const auto& [name, actor] : case_.actors) known.push_back(name);
    tell(step.where + "/actor", "unknown actor \"" + step.actor + '"' + did_you_mean(step.actor, known));
  }

  void check_constants(const Step& step) {
    for (const auto& [member, value] : step.args.items()) {
      const std::string_view kind = constant_kind(step.op, member);
      if (kind.empty() || !value.is_string()) continue;
      try {
        constant(kind, value.get_ref<const std::string&>());
      } catch (const BadCase& bad) {
        tell(step.where + '/' + member, bad.problems.at(0).message);
      }
    }
  }

  // Is `name` something that an earlier step made?
  void check_given(const Json& name, std::initializer_list<Given> kinds, const std::string& pointer) {
    if (!name.is_string()) return;
    const auto& text = name.get_ref<const std::string&>();
    const auto found = given_.find(text);
    if (found != given_.end() && std::find(kinds.begin(), kinds.end(), found->second) != kinds.end()) return;
    const std::string wanted = giver(*kinds.begin());
    if (found != given_.end()) return tell(pointer, "\"" + text + "\" is not the name of " + wanted);
    if (lost_.contains(text))
      return tell(pointer,
                  "\"" + text + "\" did not survive the unmount; " + wanted + " must give the name again");
    std::vector<std::string_view> known;
    for (const auto& [given, kind] : given_) known.push_back(given);
    tell(pointer, "no earlier step has given the name \"" + text + "\" with \"as\"; " + wanted +
                      " must come first" + did_you_mean(text, known));
  }

  void check_operand(const Step& step, const Operation& operation) {
    const std::string pointer = step.where + '/' + step.op;
    const Json& value = step.args.at(step.op);
    if (operation.operand == Operand::descriptor) check_given(value, {Given::descriptor}, pointer);
    if (operation.operand == Operand::descriptors)
      for (const auto& [index, name] : value.items())
        check_given(name, {Given::descriptor}, pointer + '/' + index);
    if (operation.operand == Operand::descriptor_and_path)
      check_given(value.at(0), {Given::descriptor}, pointer + "/0");
    if (step.op == "mread" || step.op == "mwrite" || step.op == "msync" || step.op == "munmap")
      check_given(value, {Given::mapping}, pointer);
    if (step.op == "open_by_handle") check_given(value, {Given::handle}, pointer);
    if (step.op == "events") check_given(value, {Given::events}, pointer);
    if (step.args.contains("at")) check_given(step.args.at("at"), {Given::descriptor}, step.where + "/at");
    if (step.args.contains("seek")) check_given(step.args.at("seek"), {Given::listing}, step.where + "/seek");
  }

  // Is the step of the harness where it can be done?
  void check_place(const Step& step, Inside inside) {
    if (step.op == "barrier") {
      if (inside != Inside::parallel)
        tell(step.where, "a barrier is for lists of \"parallel\" to wait for each other");
    } else if (inside == Inside::parallel) {
      tell(step.where, "\"" + step.op + "\" cannot be done in \"parallel\"");
    } else if (inside == Inside::offline) {
      tell(step.where, "\"" + step.op + "\" cannot be done inside \"offline\"");
    } else if (inside == Inside::overlay) {
      tell(step.where, "\"" + step.op + "\" cannot be done inside another overlay");
    }
  }

  void check_harness_step(const Step& step) {
    if (step.op == "mount") {
      if (mounted_) tell(step.where, "is mounted already; \"remount\" or an \"umount\" before it");
      mounted_ = may_succeed(step.expect);
    } else if (step.op == "overlay") {
      check_overlay(step);
    } else if (step.op == "inside") {
      check_inside(step);
    } else if (step.op == "umount" && step.args.at("umount").is_string()) {
      check_is_up(step.args.at("umount").get<std::string>(), step.where + "/umount");
      up_.erase(step.args.at("umount").get<std::string>());
    } else if (step.op == "umount") {
      unmount(step);
      mounted_ = !may_succeed(step.expect);
    } else if (step.op == "remount") {
      unmount(step);
      check_order(step);
      mounted_ = may_succeed(step.expect);
    } else if (step.op == "offline") {
      check_offline(step);
    } else if (step.op == "tree") {
      check_layer(step.args.at("tree").get<std::string>(), step.where + "/tree");
      check_expected_tree(step.args.at("expect"), step.where + "/expect");
    } else if (step.op == "parallel") {
      check_barriers(step);
      for (const auto& track : step.tracks) check_steps(track, Inside::parallel);
    } else if (step.op == "volume" && step.args.contains("tree")) {
      check_tree(step.args.at("tree"), step.where + "/tree");
    }
  }

  void unmount(const Step& step) {
    if (!mounted_) tell(step.where, "nothing is mounted here");
    lose_names();
  }

  // Other overlays.

  void check_overlay(const Step& step) {
    const std::string name = step.args.at("overlay").get<std::string>();
    const auto check = [this](const Json& layer, const std::string& pointer) {
      if (!layer.is_string()) return check_tree(layer, pointer);
      const std::string path = layer.get<std::string>();
      check_layer(path.substr(0, path.find('/')), pointer);
    };
    const Json& lowers = step.args.at("lower");
    for (size_t i = 0; i < lowers.size(); ++i) check(lowers[i], step.where + "/lower/" + std::to_string(i));
    if (step.args.contains("upper") && !step.args.at("upper").is_null())
      check(step.args.at("upper"), step.where + "/upper");
    if (step.args.contains("work")) check(step.args.at("work"), step.where + "/work");
    if (!others_.emplace(name, &step).second)
      tell(step.where + "/overlay", "there is already an overlay \"" + name + "\"");
    if (may_succeed(step.expect)) up_.insert(name);
  }

  void check_is_up(const std::string& name, const std::string& pointer) {
    if (up_.contains(name)) return;
    tell(pointer, others_.contains(name)
                      ? "the overlay \"" + name + "\" is not mounted here"
                      : "there is no overlay \"" + name + "\"; an \"overlay\" must come first" +
                            did_you_mean(name, {up_.begin(), up_.end()}));
  }

  // Its descriptors are its own.
  void check_inside(const Step& step) {
    const std::string name = step.args.at("inside").get<std::string>();
    check_is_up(name, step.where + "/inside");
    std::swap(given_, given_inside_[name]);
    for (const auto& track : step.tracks) check_steps(track, Inside::overlay);
    std::swap(given_, given_inside_[name]);
  }

  // Descriptors and mappings die with the mount; handles and results stay.
  void lose_names() {
    up_.clear();
    for (const auto& [name, kind] : given_) lost_.insert(name);
    std::erase_if(given_, [](const auto& given) {
      return given.second != Given::handle && given.second != Given::result;
    });
  }

  void check_expected_tree(const Json& expect, const std::string& pointer) {
    if (!expect.contains("if") || !expect.contains("then")) return check_tree(expect, pointer);
    check_expected_tree(expect.at("then"), pointer + "/then");
    if (expect.contains("else")) check_expected_tree(expect.at("else"), pointer + "/else");
  }

  void check_order(const Step& step) {
    const auto order = step.args.find("order");
    if (order == step.args.end()) return;
    std::set<size_t> numbers;
    for (const Json& number : *order) numbers.insert(number.get<size_t>());
    const size_t count = case_.lowers.size();
    if (order->size() != count || numbers.size() != count || *numbers.rbegin() != count - 1)
      tell(step.where + "/order",
           "must name each of the " + std::to_string(count) + " lower layers once, from 0");
  }

  void check_offline(const Step& step) {
    const std::string layer = step.args.at("offline").get<std::string>();
    if (layer == "merged")
      tell(step.where + "/offline", "must be a layer; \"merged\" is what they make together");
    else
      check_layer(layer, step.where + "/offline");
    if (step.args.contains("tree")) check_tree(step.args.at("tree"), step.where + "/tree");
    lose_names();
    for (const auto& track : step.tracks) check_steps(track, Inside::offline);
    lose_names();
  }

  void check_barriers(const Step& step) {
    std::map<std::string, std::set<size_t>> lists;
    std::map<std::string, std::string> places;
    for (size_t i = 0; i < step.tracks.size(); ++i) {
      for (const Step& inner : step.tracks[i]) {
        if (inner.op != "barrier") continue;
        const std::string name = inner.args.at("barrier").get<std::string>();
        lists[name].insert(i);
        places.emplace(name, inner.where);
      }
    }
    for (const auto& [name, where] : lists)
      if (where.size() < 2)
        tell(places.at(name), "no other list has the barrier \"" + name + "\", so nobody is waited for");
  }

  const Case& case_;
  bool mounted_;
  std::map<std::string, Given> given_;
  std::map<std::string, const Step*> others_;  // overlays besides the first, by name
  std::set<std::string> up_;                   // those of them that are mounted
  std::map<std::string, std::map<std::string, Given>> given_inside_;
  std::set<std::string> lost_;  // names of what an unmount closed
  Results results_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> lint_case(const Case& c) {
  return CaseLint(c).run();
}

}  // namespace ovlcheck
