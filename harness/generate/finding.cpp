#include "harness/generate/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/case/print.h"
#include "harness/case/vocabulary.h"
#include "harness/generate/shrink.h"
#include "harness/judge/judge.h"

namespace ovlcheck::generate {
namespace {

constexpr size_t kLongestId = 70;

// The clause that a deviation in this step most likely offends.
std::string clause_of(const std::string& operation, const Json& step) {
  std::string clause = "READ-1";
  for (auto form = forms().rbegin(); form != forms().rend(); ++form) {
    const Json example = form->step("a", "b");
    if (!example.contains(operation)) continue;
    clause = form->clause;
    if (example.value("flags", "") == step.value("flags", "")) break;
  }
  return clause;
}

// Result members that behave alike everywhere, for the step whose result deviates.
Json result_of(const Step& step, const Json& value) {
  Json kept = Json::object();
  if (!value.is_object()) return "ok";
  const bool directory = value.value("type", "") == "dir";
  for (const char* member :
       {"data", "count", "target", "value", "type", "mode", "uid", "gid", "size", "nlink", "status"})
    if (value.contains(member) &&
        !(directory && (member == std::string("size") || member == std::string("nlink"))))
      kept[member] = value[member];
  if (value.contains("types")) kept["entries"] = value["types"];
  if (value.contains("names")) kept["names"] = value["names"];
  if (step.op == "cat") kept.erase("size");
  return kept.empty() ? Json("ok") : kept;
}

void expect(Json& steps, const std::vector<Step>& read, const std::vector<StepResult>& results,
            const Outcome& outcome) {
  for (size_t i = 0; i < std::min({steps.size(), read.size(), results.size()}); ++i) {
    const bool deviates_here =
        std::any_of(outcome.deviations.begin(), outcome.deviations.end(),
                    [&](const Deviation& deviation) { return deviation.where == read[i].where; });
    if (results[i].error != 0)
      steps[i]["expect"] = errno_name(results[i].error);
    else if (deviates_here)
      steps[i]["expect"] = result_of(read[i], results[i].value);
    if (steps[i].contains("steps") && !results[i].tracks.empty())
      expect(steps[i]["steps"], read[i].tracks[0], results[i].tracks[0], outcome);
  }
}

// What an expectation compares anyway: names, types, contents, targets, marks.
void strip(Tree& node) {
  node.mode.reset(), node.uid.reset(), node.gid.reset(), node.mtime.reset(), node.atime.reset();
  node.nlink.reset(), node.size.reset(), node.sparse.reset(), node.acl.reset(), node.default_acl.reset();
  node.ino = node.dev = 0;
  node.xattrs.clear();
  node.marks.origin.reset(), node.marks.impure.reset(), node.marks.whiteout.reset();
  if (node.type == NodeType::whiteout) node = Tree{.type = NodeType::whiteout};
  for (auto& [name, child] : node.children) strip(child);
}

// Says of steps that fail which of them copied something up on the reference all the same.
void allow_copy_up(Json& steps, const std::vector<StepResult>& results) {
  for (size_t i = 0; i < std::min(steps.size(), results.size()); ++i) {
    const auto& touched = results[i].touched;
    if (results[i].error != 0 && std::find(touched.begin(), touched.end(), "upper") != touched.end())
      steps[i]["copies_up"] = true;
  }
}

// The reference's tree as an expectation: bare, but for the attributes that differ.
Tree expectation_of(const Tree& reference, const std::vector<TreeDifference>& differences) {
  Tree expected = reference;
  strip(expected);
  for (const auto& difference : differences) {
    const std::string path = difference.path == "." ? "" : bytes_from_text(difference.path);
    Tree* node = find_node(expected, path);
    const Tree* seen = find_node(reference, path);
    if (!node || !seen) continue;
    const std::string& what = difference.what;
    if (what == "mode") node->mode = seen->mode;
    if (what == "uid") node->uid = seen->uid;
    if (what == "gid") node->gid = seen->gid;
    // What is of the run is another time in the next one.
    if (what == "mtime" && seen->mtime && seen->mtime->sec <= kRunsAreLaterThan) node->mtime = seen->mtime;
    if (what == "nlink") node->nlink = seen->nlink;
    if (what == "size") node->size = seen->size;
    if (what == "acl") node->acl = seen->acl;
    if (what == "default_acl") node->default_acl = seen->default_acl;
    if (what.starts_with("xattr ")) {
      const std::string name = bytes_from_text(what.substr(6));
      const auto value = seen->xattrs.find(name);
      node->xattrs[name] = value == seen->xattrs.end() ? std::nullopt : value->second;
    }
  }
  return expected;
}

std::string slug(const std::string& text) {
  std::string id;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain)
      id += c;
    else if (c >= 'A' && c <= 'Z')
      id += static_cast<char>(c - 'A' + 'a');
    else if (!id.empty() && id.back() != '-')
      id += '-';
    if (id.size() == kLongestId) break;
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id;
}

std::string words_of(const std::vector<Step>& steps) {
  std::string words;
  for (const auto& step : steps) words += (words.empty() ? "" : ", then ") + describe(step);
  return words;
}

std::string operations_of(const std::vector<Step>& steps) {
  std::string names;
  for (const auto& step : steps) names += (names.empty() ? "" : ", ") + step.op;
  return names;
}

// "upper differs in opaque" and so on, as the end of a title.
std::string claim_of(const Outcome& outcome) {
  const Deviation& first = outcome.deviations.front();
  if (first.where == "after merged") return "the merged tree is as overlayfs shows it";
  if (first.where == "after upper") return "upper is as overlayfs leaves it";
  return "the answer is that of overlayfs";
}

// Writes down what the reference did; the case then needs no reference any more.
void complete(Json& test, const Case& c, const Verdicts& verdicts) {
  expect(test["steps"], c.steps, verdicts.reference.steps, verdicts.outcome);
  for (const auto& deviation : verdicts.outcome.deviations) {
    if (!deviation.where.starts_with("after ")) continue;
    const std::string layer = deviation.where.substr(6);
    const auto tree = verdicts.reference.trees.find(layer);
    if (tree != verdicts.reference.trees.end())
      test["after"][layer] = json_from_tree(expectation_of(tree->second, deviation.tree));
  }
}

Facts facts_of(const Observation& seen) {
  return {seen.options, "", seen.privilege, seen.fs};
}

// Why the finished case does not tell the two apart, "" = it does.
std::string trouble_of(const Json& test, const Verdicts& verdicts) {
  const Case c = case_from_json(test, "generated", "");
  const Outcome reference = judge(c, verdicts.reference, facts_of(verdicts.reference), true);
  if (reference.verdict != Verdict::pass)
    return "the reference itself does not pass: its behaviour cannot be put into words";
  if (!deviates(judge(c, verdicts.seen, facts_of(verdicts.seen), true)))
    return "the subject passes: what differs cannot be put into words";
  return "";
}

Json without_empty_layers(Json c) {
  if (c.contains("upper") && c["upper"].is_object() && c["upper"].empty()) c.erase("upper");
  if (c.contains("lower") && c["lower"].size() == 1 && c["lower"][0].empty()) c.erase("lower");
  return c;
}

}  // namespace

Json case_of(const Scenario& scenario, const std::vector<Operation>& sequence, bool nested) {
  Json lowers = Json::array(), steps = Json::array();
  const auto layer = [nested](Tree tree) -> Json {
    if (!nested || tree.children.empty()) return json_from_tree(tree);
    for (auto& [name, child] : tree.children)
      if (child.type == NodeType::hardlink) child.target = "l/" + child.target;
    return Json{{"l/", json_from_tree(tree)}};
  };
  for (const Tree& lower : scenario.lowers) lowers.push_back(layer(lower));
  if (nested && scenario.lowers[0].children.empty()) lowers[0] = Json{{"l/", Json::object()}};
  for (const auto& operation : sequence) steps.push_back(step_of(operation, nested ? "l/" : ""));
  if (steps.empty()) steps.push_back({{"tree", "merged"}});
  Json c = {{"id", "sequence"}, {"title", "A generated sequence"}, {"clauses", {"READ-1"}},
            {"lower", lowers},  {"upper", layer(scenario.upper)},  {"steps", steps}};
  const bool other_user = std::any_of(sequence.begin(), sequence.end(),
                                      [](const Operation& operation) { return operation.by_other_user; });
  if (other_user) c["actors"] = {{kOtherUsersName, {{"uid", kOtherUser}, {"gid", kOtherUser}}}};
  return c;
}

std::optional<Finding> finding_from(const Json& given, Duel& duel) {
  const Verdicts first = duel.run(given);
  if (first.signature.empty()) return std::nullopt;
  const std::function<bool(const Json&)> same = [&](const Json& candidate) {
    return duel.run(candidate).signature == first.signature;
  };
  Finding finding;
  finding.test = without_empty_layers(shrunk(given, same));
  const Verdicts verdicts = duel.run(finding.test);
  const Case c = case_from_json(finding.test, "generated", "");
  finding.outcome = verdicts.outcome;
  finding.signature = operations_of(c.steps) + ": " + verdicts.signature;
  if (verdicts.outcome.verdict != Verdict::fail) {
    finding.trouble = verdicts.outcome.reason.empty() ? "it no longer deviates" : verdicts.outcome.reason;
    return finding;
  }
  const Json& last = finding.test["steps"].back();
  finding.test["id"] = slug(finding.signature);
  finding.test["title"] = words_of(c.steps) + ": " + claim_of(verdicts.outcome);
  finding.test["clauses"] = {clause_of(c.steps.back().op, last)};
  complete(finding.test, c, verdicts);
  // Only steps that are expected to fail are watched for what they leave in upper.
  const Verdicts watched = duel.run(finding.test);
  allow_copy_up(finding.test["steps"], watched.reference.steps);
  finding.trouble = trouble_of(finding.test, watched);
  return finding;
}

std::optional<Finding> finding_from(const Scenario& scenario, const std::vector<Operation>& sequence,
                                    const Options& options, Duel& duel) {
  for (const bool nested : {false, true}) {
    Json c = case_of(scenario, sequence, nested);
    for (const auto* some : {&duel.options(), &options})
      for (const auto& [name, value] : *some) c["mount"][name] = value.empty() ? Json(true) : Json(value);
    if (auto finding = finding_from(c, duel)) return finding;
  }
  return std::nullopt;
}

Json case_file(const std::string& group, const std::string& about, const std::vector<Json>& cases) {
  std::set<std::string> ids;
  Json all = Json::array();
  for (Json c : cases) {
    const std::string id = c["id"].get<std::string>();
    for (int number = 2; !ids.insert(c["id"].get<std::string>()).second; ++number)
      c["id"] = id + "-" + std::to_string(number);
    all.push_back(std::move(c));
  }
  return {{"$schema", "schema/case.schema.json"}, {"group", group}, {"about", about}, {"cases", all}};
}

}  // namespace ovlcheck::generate
