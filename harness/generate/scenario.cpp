#include "harness/generate/scenario.h"

#include <iterator>

namespace ovlcheck::generate {
namespace {

// A class of objects: the node each layer has at its name, as JSON of a tree's member; null for none. A node
// is
// {"": VALUE} for anything but a directory and {"/": TREE} for one.
struct ObjectClass {
  const char* name;
  const char* bottom;
  const char* lower;
  const char* upper;
};

constexpr const char* kNone = "{}";

constexpr ObjectClass kClasses[] = {
    {"absent", kNone, kNone, kNone},
    // Files.
    {"lower-file", kNone, R"({"": {"file": "lower", "mode": "0640", "xattrs": {"user.a": "1"}}})", kNone},
    {"set-id-file", kNone,
     R"({"": {"file": "lower", "mode": "06755", "acl": "u::rwx,u:0:r--,g::r-x,m::r-x,o::r-x"}})", kNone},
    {"bottom-file", R"({"": "bottom"})", kNone, kNone},
    {"upper-file", kNone, kNone, R"({"": "upper"})"},
    {"covered-file", R"({"": "bottom"})", R"({"": "lower"})", R"({"": "upper"})"},
    {"removed-file", kNone, R"({"": "lower"})", R"({"": {"whiteout": true}})"},
    {"buried-file", R"({"": "bottom"})", R"({"": {"whiteout": true}})", kNone},
    // Other types.
    {"lower-link", kNone, R"({"": {"symlink": "b"}})", kNone},
    {"lower-fifo", kNone, R"({"": {"fifo": true}})", kNone},
    // Directories.
    {"lower-dir", kNone, R"({"/": {".": {"mode": "0750", "xattrs": {"user.a": "1"}}, "x": "lower"}})", kNone},
    {"lower-dirs", R"({"/": {"x": "bottom", "y": "bottom"}})",
     R"({"/": {".": {"default_acl": "u::rwx,u:0:r-x,g::r-x,m::r-x,o::---"}, "x": "lower"}})", kNone},
    {"upper-dir", kNone, kNone, R"({"/": {"x": "upper"}})"},
    {"merged-dir", kNone, R"({"/": {"x": {"symlink": "../b"}}})", R"({"/": {"u": "upper"}})"},
    {"hollow-dir", kNone, R"({"/": {"x": "lower"}})", R"({"/": {"x": {"whiteout": true}}})"},
    {"opaque-dir", R"({"/": {"x": "bottom"}})", R"({"/": {"y": "lower"}})",
     R"({"/": {".": {"opaque": true}}})"},
    {"deep-dir", kNone, R"({"/": {"x/": {"y": "lower"}}})", kNone},
    {"removed-dir", kNone, R"({"/": {"x": "lower"}})", R"({"": {"whiteout": true}})"},
    // Different types in different layers.
    {"file-over-dir", kNone, R"({"/": {"x": "lower"}})", R"({"": "upper"})"},
    {"dir-over-file", kNone, R"({"": "lower"})", R"({"/": {"x": "upper"}})"},
};

// Adds the node to the layer's JSON under that name.
void place(Json& layer, const char* name, const char* node) {
  const Json given = Json::parse(node);
  for (const auto& [kind, value] : given.items()) layer[name + kind] = value;
}

Scenario pair_of(const ObjectClass& a, const ObjectClass& b) {
  Json bottom = Json::object(), lower = Json::object(), upper = Json::object();
  for (const auto& [object, name] : {std::pair{&a, "a"}, std::pair{&b, "b"}}) {
    place(bottom, name, object->bottom);
    place(lower, name, object->lower);
    place(upper, name, object->upper);
  }
  Scenario scenario;
  scenario.name = std::string(a.name) + "+" + b.name;
  scenario.lowers = {tree_from_json(lower, ""), tree_from_json(bottom, "")};
  scenario.upper = tree_from_json(upper, "");
  scenario.classes = {static_cast<uint8_t>(&a - kClasses), static_cast<uint8_t>(&b - kClasses)};
  scenario.one_object = &b == &kClasses[0];
  scenario.interchangeable = &a == &b;
  return scenario;
}

// Two names of one lower file.
Scenario twins() {
  Scenario scenario;
  scenario.name = "twins";
  scenario.classes.fill(std::size(kClasses));  // a class of its own
  scenario.lowers = {tree_from_json(Json::parse(R"({"a": "lower", "b": {"hardlink": "a"}})"), ""), Tree{}};
  scenario.interchangeable = true;
  return scenario;
}

}  // namespace

std::vector<std::string> object_classes() {
  std::vector<std::string> names;
  for (const auto& object : kClasses) names.emplace_back(object.name);
  return names;
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> made;
    for (const auto& a : kClasses)
      for (const ObjectClass* b = kClasses; b <= &a; ++b) made.push_back(pair_of(a, *b));
    made.push_back(twins());
    return made;
  }();
  return all;
}

}  // namespace ovlcheck::generate
