#include "harness/ops/observation.h"

#include <stdexcept>

namespace ovlcheck {
namespace {

constexpr const char* kEnds[] = {"complete", "skip", "error", "timeout", "crash"};

End end_from_name(const std::string& name) {
  for (int i = 0; i < 5; ++i)
    if (name == kEnds[i]) return static_cast<End>(i);
  throw std::invalid_argument("unknown end of an observation: " + name);
}

void put_text(Json& json, const char* member, const std::string& text) {
  if (!text.empty()) json[member] = text;
}

// Members with their usual value are left out: this is the wire format.
Json json_from_step(const StepResult& step) {
  Json json = Json::object();
  if (!step.ran) json["ran"] = false;
  if (step.error != 0) json["error"] = step.error;
  if (!step.value.is_null()) json["value"] = step.value;
  put_text(json, "skip", step.skip);
  if (!step.touched.empty()) json["touched"] = step.touched;
  for (const auto& track : step.tracks) {
    Json list = Json::array();
    for (const auto& inner : track) list.push_back(json_from_step(inner));
    json["tracks"].push_back(std::move(list));
  }
  return json;
}

StepResult step_from_json(const Json& json) {
  StepResult step;
  step.ran = json.value("ran", true);
  step.error = json.value("error", 0);
  if (json.contains("value")) step.value = json["value"];
  step.skip = json.value("skip", "");
  if (json.contains("touched")) step.touched = json["touched"].get<std::vector<std::string>>();
  if (!json.contains("tracks")) return step;
  for (const auto& list : json["tracks"]) {
    step.tracks.emplace_back();
    for (const auto& inner : list) step.tracks.back().push_back(step_from_json(inner));
  }
  return step;
}

void put_view(Json& json, const char* member, const std::optional<View>& view) {
  if (view) json[member] = Json{{"error", view->error}, {"merged", json_from_tree(view->merged)}};
}

std::optional<View> view_from_json(const Json& json, const char* member) {
  if (!json.contains(member)) return std::nullopt;
  const Json& view = json[member];
  return View{view.at("error").get<std::string>(),
              tree_from_json(view.at("merged"), std::string("/") + member)};
}

}  // namespace

Json json_from_observation(const Observation& observation) {
  Json json = Json::object();
  if (observation.end != End::complete) json["end"] = kEnds[static_cast<int>(observation.end)];
  put_text(json, "reason", observation.reason);
  put_text(json, "at_step", observation.at_step);
  put_text(json, "mount_error", observation.mount_error);
  json["options"] = observation.options;
  json["fs"] = observation.fs;
  json["privilege"] = observation.privilege;
  json["steps"] = Json::array();
  for (const auto& step : observation.steps) json["steps"].push_back(json_from_step(step));
  json["trees"] = Json::object();
  for (const auto& [layer, tree] : observation.trees) json["trees"][layer] = json_from_tree(tree);
  put_view(json, "exchanged", observation.exchanged);
  put_view(json, "remounted", observation.remounted);
  put_text(json, "not_exchanged", observation.not_exchanged);
  json["seconds"] = observation.seconds;
  return json;
}

Observation observation_from_json(const Json& json) {
  Observation observation;
  observation.end = end_from_name(json.value("end", kEnds[0]));
  observation.reason = json.value("reason", "");
  observation.at_step = json.value("at_step", "");
  observation.mount_error = json.value("mount_error", "");
  observation.options = json.at("options");
  observation.fs = json.at("fs").get<std::string>();
  observation.privilege = json.at("privilege").get<std::string>();
  for (const auto& step : json.at("steps")) observation.steps.push_back(step_from_json(step));
  for (const auto& [layer, tree] : json.at("trees").items())
    observation.trees[layer] = tree_from_json(tree, "/trees/" + layer);
  observation.exchanged = view_from_json(json, "exchanged");
  observation.remounted = view_from_json(json, "remounted");
  observation.not_exchanged = json.value("not_exchanged", "");
  observation.seconds = json.at("seconds").get<double>();
  return observation;
}

}  // namespace ovlcheck
