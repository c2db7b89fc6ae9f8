#include "harness/judge/outcome.h"

#include <cmath>
#include <stdexcept>

namespace ovlcheck {
namespace {

void put(Json& json, const char* member, const std::string& text) {
  if (!text.empty()) json[member] = text;
}

std::string text(const Json& json, const char* member) {
  auto it = json.find(member);
  return it == json.end() ? std::string() : it->get<std::string>();
}

const Json& list(const Json& json, const char* member) {
  static const Json kNone = Json::array();
  auto it = json.find(member);
  if (it == json.end()) return kNone;
  if (!it->is_array()) throw std::invalid_argument(std::string(member) + " is not an array");
  return *it;
}

Json json_from_difference(const TreeDifference& difference) {
  Json json = {{"path", difference.path}, {"what", difference.what}};
  put(json, "expected", difference.expected);
  put(json, "observed", difference.observed);
  return json;
}

Json json_from_deviation(const Deviation& deviation) {
  Json json = {{"where", deviation.where}};
  put(json, "step", deviation.step);
  put(json, "expected", deviation.expected);
  put(json, "observed", deviation.observed);
  for (const TreeDifference& difference : deviation.tree)
    json["tree"].push_back(json_from_difference(difference));
  return json;
}

Deviation deviation_from_json(const Json& json) {
  Deviation deviation{json.at("where").get<std::string>(),
                      text(json, "step"),
                      text(json, "expected"),
                      text(json, "observed"),
                      {}};
  for (const Json& difference : list(json, "tree"))
    deviation.tree.push_back({difference.at("path").get<std::string>(),
                              difference.at("what").get<std::string>(), text(difference, "expected"),
                              text(difference, "observed")});
  return deviation;
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::error:
      return "error";
    case Verdict::timeout:
      return "timeout";
    case Verdict::crash:
      return "crash";
    case Verdict::skip:
      return "skip";
  }
  return "?";
}

Verdict verdict_from_name(const std::string& name) {
  for (Verdict verdict : kVerdicts)
    if (name == verdict_name(verdict)) return verdict;
  throw std::invalid_argument("unknown verdict \"" + name + "\"");
}

bool deviates(const Outcome& outcome) {
  return outcome.verdict != Verdict::pass && outcome.verdict != Verdict::skip;
}

bool is_known(const Outcome& outcome) {
  return deviates(outcome) && !outcome.listed.empty();
}

bool is_fixed(const Outcome& outcome) {
  return outcome.verdict == Verdict::pass && !outcome.listed.empty();
}

Json json_from_outcome(const Outcome& outcome) {
  Json json = {{"subject", outcome.subject}, {"case", outcome.case_name}};
  json["verdict"] = verdict_name(outcome.verdict);
  put(json, "title", outcome.title);
  if (!outcome.clauses.empty()) json["clauses"] = outcome.clauses;
  put(json, "reason", outcome.reason);
  put(json, "at_step", outcome.at_step);
  put(json, "step", outcome.step);
  for (const Deviation& deviation : outcome.deviations)
    json["deviations"].push_back(json_from_deviation(deviation));
  put(json, "listed", outcome.listed);
  json["seconds"] = std::round(outcome.seconds * 1e6) / 1e6;
  return json;
}

Outcome outcome_from_json(const Json& json) {
  Outcome outcome;
  outcome.subject = json.at("subject").get<std::string>();
  outcome.case_name = json.at("case").get<std::string>();
  outcome.verdict = verdict_from_name(json.at("verdict").get<std::string>());
  outcome.title = text(json, "title");
  for (const Json& clause : list(json, "clauses")) outcome.clauses.push_back(clause.get<std::string>());
  outcome.reason = text(json, "reason");
  outcome.at_step = text(json, "at_step");
  outcome.step = text(json, "step");
  for (const Json& deviation : list(json, "deviations"))
    outcome.deviations.push_back(deviation_from_json(deviation));
  outcome.listed = text(json, "listed");
  outcome.seconds = json.value("seconds", 0.0);
  return outcome;
}

}  // namespace ovlcheck
