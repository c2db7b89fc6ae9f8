#include "harness/report/coverage.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case/layout.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

// Harness steps that are no operation of a file system.
bool counts(const Operation& operation) {
  return !operation.of_the_harness || operation.operand == Operand::options || operation.name == "overlay";
}

void collect_results(const Json& expect, std::map<std::string, size_t>& results) {
  if (expect.is_string()) {
    ++results[expect.get<std::string>()];
  } else if (expect.is_array()) {
    for (const Json& alternative : expect) collect_results(alternative, results);
  } else if (expect.is_object() && expect.contains("if") && expect.contains("then")) {
    collect_results(expect.at("then"), results);
    if (expect.contains("else")) collect_results(expect.at("else"), results);
  } else {
    ++results["ok"];
  }
}

std::string cleaned(std::string path) {
  while (path.starts_with('/')) path.erase(0, 1);
  while (path.ends_with('/')) path.pop_back();
  return path == "." ? "" : path;
}

class CaseCoverage {
 public:
  CaseCoverage(const Case& c, Coverage& all) : case_(c), all_(all) {}

  void count(const std::vector<Step>& steps, bool in_first_overlay) {
    for (const Step& step : steps) {
      if (step.op == "offline") continue;
      const Operation& operation = *find_operation(step.op);
      if (counts(operation)) count(step, operation, in_first_overlay);
      for (const auto& track : step.tracks) count(track, in_first_overlay && step.op != "inside");
    }
  }

 private:
  void count(const Step& step, const Operation& operation, bool in_first_overlay) {
    OperationCoverage& seen = all_[step.op];
    seen.cases.insert(case_.name());
    collect_results(step.expect, seen.results);
    for (const auto& [member, value] : step.args.items())
      if (value.is_string() && !constant_kind(step.op, member).empty())
        count_constants(value.get<std::string>(), seen.constants[member]);
    if (in_first_overlay) count_objects(step, operation, seen);
  }

  static void count_constants(const std::string& text, std::map<std::string, size_t>& constants) {
    for (size_t at = 0; at <= text.size();) {
      const size_t bar = std::min(text.find('|', at), text.size());
      ++constants[text.substr(at, bar - at)];
      at = bar + 1;
    }
  }

  void count_objects(const Step& step, const Operation& operation, OperationCoverage& seen) {
    const Json& value = step.args.at(step.op);
    switch (operation.operand) {
      case Operand::path:
        count_object(step, value, seen);
        if (!step.as.empty()) opened_[step.as] = value.get<std::string>();
        return;
      case Operand::paths:
        if (step.op != "symlink") count_object(step, value.at(0), seen);
        return count_object(step, value.at(1), seen);
      case Operand::descriptor:
      case Operand::path_or_descriptor:
        if (const auto opened = opened_.find(value.get<std::string>()); opened != opened_.end())
          ++seen.objects[object_at(opened->second)];
        else if (operation.operand == Operand::path_or_descriptor)
          count_object(step, value, seen);
        return;
      default:
        return;
    }
  }

  void count_object(const Step& step, const Json& path, OperationCoverage& seen) {
    const std::string text = cleaned(path.get<std::string>());
    if (step.args.contains("at")) return;  // from a directory that is not followed here
    const bool named_before = !named_.insert(text).second;
    const std::string object = object_at(text);
    ++seen.objects[named_before && object == "nothing" ? "made before" : object];
  }

  // "file lower", "dir both", "whiteout upper", "nothing", when the case starts.
  std::string object_at(const std::string& text) const {
    const std::string path = bytes_from_text(cleaned(text));
    const Tree* upper = case_.upper ? find_node(*case_.upper, path) : nullptr;
    const Tree* top = upper;
    size_t lowers = 0;
    for (const Tree& layer : case_.lowers) {
      const Tree* found = find_node(layer, path);
      if (!top) top = found;
      lowers += found != nullptr;
    }
    if (!top) return "nothing";
    const NodeType type = top->type == NodeType::hardlink ? NodeType::file : top->type;
    return std::string(type_name(type)) + (upper && lowers ? " both"
                                           : upper         ? " upper"
                                           : lowers > 1    ? " lowers"
                                                           : " lower");
  }

  const Case& case_;
  Coverage& all_;
  std::map<std::string, std::string> opened_;  // descriptor -> path
  std::set<std::string> named_;                // paths that steps have named
};

size_t seen_by(const Coverage& coverage, const KnownErrno& known) {
  size_t steps = 0;
  for (const auto& name : known.operations)
    if (const auto operation = coverage.find(name); operation != coverage.end())
      if (const auto found = operation->second.results.find(known.error);
          found != operation->second.results.end())
        steps += found->second;
  return steps;
}

std::string counts_in_words(const std::map<std::string, size_t>& counts) {
  std::string words;
  for (const auto& [name, count] : counts)
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, count);
  return words;
}

// The constants of a member that no case gives.
std::string never(const std::string& operation, const std::string& member,
                  const std::map<std::string, size_t>& used) {
  std::string words;
  for (const std::string_view name : constant_names(constant_kind(operation, member), ~0UL))
    if (!used.contains(std::string(name))) words += (words.empty() ? "" : ", ") + std::string(name);
  return words.empty() ? "" : "; never " + words;
}

void print(const std::string& name, const OperationCoverage& seen, std::string& page) {
  append_wrapped(
      page, 0,
      seen.cases.empty() ? name + "  no case" : fmt::format("{}  {} cases", name, seen.cases.size()));
  if (!seen.objects.empty()) append_wrapped(page, 2, "on " + counts_in_words(seen.objects));
  for (const auto& [member, used] : seen.constants)
    append_wrapped(page, 2, member + ": " + counts_in_words(used) + never(name, member, used));
  if (!seen.results.empty()) append_wrapped(page, 2, "gives " + counts_in_words(seen.results));
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

void print(const std::vector<KnownErrno>& errnos, const Coverage& coverage, std::string& page) {
  size_t seen = 0, explained = 0;
  page += "\nErrors that overlayfs itself returns\n";
  for (const KnownErrno& known : errnos) {
    // What is explained may be expected all the same, for another reason that the same error has.
    const size_t steps = known.explained.empty() ? seen_by(coverage, known) : 0;
    const std::string state = !known.explained.empty() ? "not tested: " + known.explained
                              : steps > 0              ? fmt::format("{} steps", steps)
                                                       : "UNEXPLAINED";
    seen += steps > 0;
    explained += !known.explained.empty();
    append_wrapped(page, 2,
                   fmt::format("{} of {}: {} ({}): {}", known.error, joined(known.operations), known.when,
                               known.source, state));
  }
  page += fmt::format("{} errors: {} seen, {} explained, {} unexplained\n", errnos.size(), seen, explained,
                      errnos.size() - seen - explained);
}

}  // namespace

Coverage coverage_of(const std::vector<Case>& cases) {
  Coverage all;
  for (const Operation& operation : vocabulary())
    if (counts(operation)) all[std::string(operation.name)];
  for (const Case& c : cases) CaseCoverage(c, all).count(c.steps, true);
  return all;
}

std::vector<const KnownErrno*> unexplained(const Coverage& coverage, const std::vector<KnownErrno>& errnos) {
  std::vector<const KnownErrno*> all;
  for (const KnownErrno& known : errnos)
    if (known.explained.empty() && seen_by(coverage, known) == 0) all.push_back(&known);
  return all;
}

std::string coverage_page(const Coverage& coverage, const std::vector<KnownErrno>& errnos) {
  std::string page;
  for (const auto& [name, seen] : coverage) print(name, seen, page);
  if (!errnos.empty()) print(errnos, coverage, page);
  return page;
}

}  // namespace ovlcheck
