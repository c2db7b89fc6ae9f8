// A whole case in words.
#include <fmt/format.h>

#include <algorithm>

#include "harness/case/layout.h"
#include "harness/case/print.h"
#include "harness/case/print_words.h"

namespace ovlcheck {
namespace {

constexpr size_t widest_step = 38;  // columns; expectations are aligned behind shorter ones
constexpr size_t line_width = 80;

std::string options_in_words(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += (text.empty() ? "" : ", ") + name + (value.empty() ? "" : "=" + value);
  return text;
}

std::string need_in_words(const std::string& need) {
  if (need == "uids") return "several user ids";
  if (need == "mount") return "a real mount";
  if (need == "layers") return "separate layers";
  if (need == "reflink") return "a scratch file system with reflinks";
  if (need == "samefs") return "all layers on one file system";
  if (need.starts_with("lower:")) return need.substr(6) + " on the lower layers' file system";
  if (need == "flags") return "a scratch file system with inode flags";
  if (need == "fiemap") return "a scratch file system that tells where data is";
  if (need == "verity") return "a scratch file system with fs-verity";
  if (need.starts_with("fs:")) return need.substr(3) + " as the scratch file system";
  return need;
}

class CasePrinter {
 public:
  explicit CasePrinter(const Case& c) : case_(c) {}

  std::string print() {
    heading();
    layers();
    setting();
    actors();
    section("Steps");
    if (case_.steps.empty()) line(2, "(none)");
    steps(case_.steps, 2, "");
    if (!case_.after.is_null()) {
      section("Afterwards");
      layer_trees(case_.after, 2);
    }
    return std::move(page_);
  }

 private:
  void line(size_t indent, const std::string& text, size_t hang = 2) {
    append_wrapped(page_, indent, text, hang);
  }
  void section(const std::string& title) {
    page_ += '\n';
    line(0, title);
  }

  void heading() {
    line(0, case_.name());
    line(2, case_.title, 0);
    if (!case_.about.empty()) {
      page_ += '\n';
      line(2, case_.about, 0);
    }
    if (!case_.clauses.empty()) {
      page_ += '\n';
      line(2, fmt::format("Tests {}.", fmt::join(case_.clauses, ", ")));
    }
  }

  void layer(const std::string& name, const Tree& tree) {
    const std::string below = describe(tree, 4);
    line(2, below.empty() ? name + "  (empty)" : name);
    page_ += below;
  }

  void layers() {
    section("Layers, the topmost first");
    if (case_.upper)
      layer("upper", *case_.upper);
    else
      line(2, "upper  (none: a read-only mount)");
    for (size_t i = 0; i < case_.lowers.size(); ++i) layer(fmt::format("lower[{}]", i), case_.lowers[i]);
    for (size_t i = 0; i < case_.data.size(); ++i) layer(fmt::format("data[{}]", i), case_.data[i]);
  }

  void setting() {
    page_ += '\n';
    const std::string options = case_.mount.empty() ? "the default options" : options_in_words(case_.mount);
    line(0,
         case_.mounted ? "Mounted with " + options + "." : "Not mounted at first. Options: " + options + ".");
    std::vector<std::string> needs;
    const Requirements& required = case_.requires_;
    if (!required.kernel.empty()) needs.push_back("kernel " + required.kernel);
    if (!required.privilege.empty())
      needs.push_back(required.privilege == "root" ? "real root" : "a user namespace");
    for (const std::string& need : required.needs) needs.push_back(need_in_words(need));
    if (!needs.empty()) line(0, fmt::format("Needs {}.", fmt::join(needs, ", ")));
  }

  void actors() {
    if (case_.actors.empty()) return;
    section("Actors besides the mounter");
    for (const auto& [name, actor] : case_.actors) {
      std::string words = fmt::format("{}: uid {}, gid {}", name, actor.uid, actor.gid);
      if (!actor.groups.empty()) words += fmt::format(", groups {}", fmt::join(actor.groups, " "));
      if (!actor.caps.empty()) words += fmt::format(", {}", fmt::join(actor.caps, " "));
      if (actor.umask != 022) words += fmt::format(", umask {:04o}", actor.umask);
      line(2, words);
    }
  }

  void steps(const std::vector<Step>& all, size_t indent, const std::string& prefix) {
    size_t width = 0;
    for (const Step& one : all) {
      const size_t own = columns(describe(one));
      if (tells_expectation(one) && own <= widest_step) width = std::max(width, own);
    }
    const size_t digits = std::to_string(all.size()).size();
    for (size_t i = 0; i < all.size(); ++i)
      step(all[i], fmt::format("{}{:>{}}. ", prefix, i + 1, digits), indent, width);
  }

  // Success goes without saying; what a tree must be is told below it.
  static bool tells_expectation(const Step& one) { return one.op != "tree" && one.expect != "ok"; }

  void step(const Step& one, const std::string& number, size_t indent, size_t width) {
    std::string words = number + describe(one);
    const size_t inner = indent + number.size();
    if (one.op == "tree") words += ": must be";
    std::string expectation;
    if (tells_expectation(one)) expectation = describe_expectation(one.expect);
    if (!expectation.empty()) {
      const size_t used = columns(words), column = number.size() + width + 2;
      const size_t gap = used + 2 <= column ? column - used : 2;
      if (indent + used + gap + columns(expectation) <= line_width) {
        words.append(gap, ' ').append(expectation);
        expectation.clear();
      }
    }
    line(indent, words, number.size());
    if (!expectation.empty()) line(inner + 2, expectation);
    if (const auto note = one.args.find("note"); note != one.args.end() && note->is_string())
      line(inner, "(" + note->get<std::string>() + ")", 1);
    details(one, inner);
  }

  // What stands below a step: trees and steps of its own.
  void details(const Step& one, size_t indent) {
    if (one.op == "tree") {
      expected_tree(one.args.at("expect"), indent);
    } else if (const auto tree = one.args.find("tree"); tree != one.args.end()) {
      if (one.op == "offline") line(indent, "build");
      page_ += describe(tree_from_json(*tree, ""), static_cast<int>(indent + 2));
    }
    if (one.op == "overlay") {
      const auto own_layer = [&](const std::string& name, const Json& tree) {
        if (!tree.is_object() || tree.empty()) return;
        line(indent, name);
        page_ += describe(tree_from_json(tree, ""), static_cast<int>(indent + 2));
      };
      if (one.args.contains("upper")) own_layer("upper", one.args.at("upper"));
      for (size_t i = 0; i < one.args.at("lower").size(); ++i)
        own_layer(fmt::format("lower[{}]", i), one.args.at("lower")[i]);
    }
    for (size_t i = 0; i < one.tracks.size(); ++i)
      steps(one.tracks[i], indent,
            one.op == "parallel" ? std::string(1, static_cast<char>('a' + i % 26)) : "");
  }

  void expected_tree(const Json& expect, size_t indent) {
    if (is_conditional(expect)) {
      branches(expect, indent, [this](const Json& tree, size_t at) { expected_tree(tree, at); });
      return;
    }
    const std::string words = describe(tree_from_json(expect, ""), static_cast<int>(indent));
    if (words.empty())
      line(indent, "(empty)");
    else
      page_ += words;
  }

  void layer_trees(const Json& after, size_t indent) {
    if (is_conditional(after)) {
      branches(after, indent, [this](const Json& trees, size_t at) { layer_trees(trees, at); });
      return;
    }
    if (after.empty()) line(indent, "(anything goes)");
    for (const auto& [name, tree] : after.items()) {
      const std::string words = describe(tree_from_json(tree, ""), static_cast<int>(indent + 2));
      line(indent, words.empty() ? name + "  (empty)" : name);
      page_ += words;
    }
  }

  template <class Print>
  void branches(const Json& json, size_t indent, const Print& print) {
    line(indent, "if " + condition_in_words(json.at("if")) + ":");
    print(json.at("then"), indent + 2);
    if (!json.contains("else")) return;
    line(indent, "else:");
    print(json.at("else"), indent + 2);
  }

  const Case& case_;
  std::string page_;
};

}  // namespace

std::string describe(const Case& c) {
  return CasePrinter(c).print();
}

}  // namespace ovlcheck
