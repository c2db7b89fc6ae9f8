// Scenario: the layers a generated sequence starts from - two objects, each of one class of what layers can
// say about a name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/case/tree.h"

namespace ovlcheck::generate {

// Two lower layers (lowers[0] topmost) and upper, with the objects named "a" and "b".
struct Scenario {
  std::string name;  // "lower-file+opaque-dir"
  std::vector<Tree> lowers;
  Tree upper;
  std::array<uint8_t, 2> classes{};  // of "a" and "b", by number
  bool one_object = false;           // there is nothing at "b"
  bool interchangeable = false;      // both objects are of one class
};

// The names of the classes: "absent", "lower-file", "merged-dir"...
std::vector<std::string> object_classes();

// Every unordered pair of classes once, one class alone among them (with "absent"), and two names of one
// lower file.
const std::vector<Scenario>& scenarios();

}  // namespace ovlcheck::generate
