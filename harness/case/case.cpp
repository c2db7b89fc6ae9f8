#include "harness/case/case.h"

#include <limits>

#include "harness/case/operation.h"
#include "harness/case/place.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

// Steps in steps in steps: more is refused, as reading them recurses.
constexpr int deepest_steps = 8;

std::string text_of(const Json& json, const Place& place) {
  if (!json.is_string()) place.fail("must be text");
  return json.get<std::string>();
}

bool flag_of(const Json& json, const Place& place) {
  if (!json.is_boolean()) place.fail("must be true or false");
  return json.get<bool>();
}

unsigned id_of(const Json& json, const Place& place) {
  if (!json.is_number_unsigned() || json.get<uint64_t>() > std::numeric_limits<unsigned>::max())
    place.fail("must be a numeric id");
  return json.get<unsigned>();
}

mode_t umask_of(const Json& json, const Place& place) {
  const std::string text = text_of(json, place);
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != text.npos)
    place.fail("must be octal text such as \"0022\"");
  return static_cast<mode_t>(std::stoul(text, nullptr, 8));
}

const Json& array_of(const Json& json, const Place& place) {
  if (!json.is_array()) place.fail("must be an array");
  return json;
}

const Json& object_of(const Json& json, const Place& place) {
  if (!json.is_object()) place.fail("must be an object");
  return json;
}

std::vector<std::string> texts_of(const Json& json, const Place& place) {
  std::vector<std::string> texts;
  for (const Json& item : array_of(json, place)) {
    const std::string index = std::to_string(texts.size());
    texts.push_back(text_of(item, place.in(index)));
  }
  return texts;
}

std::vector<Tree> trees_of(const Json& json, const Place& place) {
  std::vector<Tree> trees;
  for (const Json& item : array_of(json, place)) {
    const std::string index = std::to_string(trees.size());
    trees.push_back(tree_from_json(item, place.in(index).pointer()));
  }
  return trees;
}

Requirements requirements_of(const Json& json, const Place& place) {
  Requirements found;
  for (const auto& [key, value] : object_of(json, place).items()) {
    const Place here = place.in(key);
    if (key == "kernel")
      found.kernel = text_of(value, here);
    else if (key == "privilege")
      found.privilege = text_of(value, here);
    else if (key == "needs")
      found.needs = texts_of(value, here);
    else
      here.fail("unknown requirement" + did_you_mean(key, {"kernel", "privilege", "needs"}));
  }
  return found;
}

Actor actor_of(const Json& json, const Place& place) {
  Actor actor;
  for (const auto& [key, value] : object_of(json, place).items()) {
    const Place here = place.in(key);
    if (key == "uid") {
      actor.uid = id_of(value, here);
    } else if (key == "gid") {
      actor.gid = id_of(value, here);
    } else if (key == "groups") {
      for (const Json& group : array_of(value, here)) actor.groups.push_back(id_of(group, here));
    } else if (key == "caps") {
      actor.caps = texts_of(value, here);
    } else if (key == "umask") {
      actor.umask = umask_of(value, here);
    } else {
      here.fail("unknown member of an actor" + did_you_mean(key, {"uid", "gid", "groups", "caps", "umask"}));
    }
  }
  return actor;
}

std::vector<Step> steps_of(const Json& json, const Place& place, int depth);

Step step_of(const Json& json, const Place& place, int depth) {
  const auto operations = operations_in(object_of(json, place));
  if (operations.size() != 1) place.fail("must name exactly one operation");
  Step step;
  step.op = operations[0]->name;
  step.args = json;
  step.where = place.pointer();
  for (const auto& [key, value] : json.items()) {
    const Place here = place.in(key);
    if (key == "as")
      step.as = text_of(value, here);
    else if (key == "actor")
      step.actor = text_of(value, here);
    else if (key == "expect")
      step.expect = value;
    else if (key == "copies_up")
      step.copies_up = flag_of(value, here);
    else if (key == "steps")
      step.tracks.push_back(steps_of(value, here, depth + 1));
    else if (key == "parallel")
      for (size_t i = 0; i < array_of(value, here).size(); ++i)
        step.tracks.push_back(steps_of(value[i], here.in(std::to_string(i)), depth + 1));
  }
  return step;
}

std::vector<Step> steps_of(const Json& json, const Place& place, int depth) {
  if (depth > deepest_steps) place.fail("steps are nested too deeply");
  std::vector<Step> steps;
  steps.reserve(array_of(json, place).size());
  for (const Json& item : json) {
    const std::string index = std::to_string(steps.size());
    steps.push_back(step_of(item, place.in(index), depth));
  }
  return steps;
}

void read_member(const std::string& key, const Json& value, const Place& place, Case& c) {
  if (key == "id") {
    c.id = text_of(value, place);
  } else if (key == "title") {
    c.title = text_of(value, place);
  } else if (key == "about") {
    c.about = text_of(value, place);
  } else if (key == "clauses") {
    c.clauses = texts_of(value, place);
  } else if (key == "lower") {
    c.lowers = trees_of(value, place);
    if (c.lowers.empty()) place.fail("there must be at least one lower layer");
  } else if (key == "upper") {
    c.upper.reset();
    if (!value.is_null()) c.upper = tree_from_json(value, place.pointer());
  } else if (key == "data") {
    c.data = trees_of(value, place);
  } else if (key == "mount") {
    c.mount = changed_options({}, value, place.pointer());
  } else if (key == "mounted") {
    c.mounted = flag_of(value, place);
  } else if (key == "requires") {
    c.requires_ = requirements_of(value, place);
  } else if (key == "actors") {
    for (const auto& [name, actor] : object_of(value, place).items())
      c.actors[name] = actor_of(actor, place.in(name));
  } else if (key == "steps") {
    c.steps = steps_of(value, place, 0);
  } else if (key == "after") {
    c.after = value;
  } else {
    place.fail("unknown member of a case");
  }
}

}  // namespace

Options changed_options(Options options, const Json& changes, const std::string& where) {
  const Place place{nullptr, where};
  for (const auto& [key, value] : object_of(changes, place).items()) {
    if (value.is_string())
      options[key] = bytes_from_text(value.get_ref<const std::string&>());
    else if (value.is_number_integer())
      options[key] = value.dump();
    else if (!value.is_boolean())
      place.in(key).fail("must be text, a number, true (a bare option) or false (no such option)");
    else if (value.get<bool>())
      options[key] = "";
    else
      options.erase(key);
  }
  return options;
}

Case case_from_json(const Json& json, const std::string& group, const std::string& pointer) {
  // Places are in the case: that is what Step::where says and what is short to write.
  const Place place{nullptr, ""};
  try {
    Case c;
    c.group = group;
    c.pointer = pointer;
    c.json = json;
    c.lowers.emplace_back();
    for (const auto& [key, value] : object_of(json, place).items()) read_member(key, value, place.in(key), c);
    return c;
  } catch (BadCase& bad) {
    for (Problem& problem : bad.problems) problem.pointer.insert(0, pointer);
    throw BadCase(bad.problems);
  }
}

Case without_kernel_range(Case c) {
  c.requires_.kernel.clear();
  if (auto found = c.json.find("requires"); found != c.json.end()) found->erase("kernel");
  return c;
}

}  // namespace ovlcheck
