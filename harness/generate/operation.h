// Operations that generated sequences are made of: how each is done on a Vfs, and how it is written in a
// case.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/case/json.h"
#include "harness/ops/vfs.h"

namespace ovlcheck::generate {

// The names that sequences act on: two objects, what is in them if they are directories, and names that are
// free there.
inline constexpr std::array<std::string_view, 6> kPaths = {"a", "b", "a/x", "b/x", "a/n", "b/n"};

// One operation: a form and the indices of its paths. `other` counts only where the form has two paths.
struct Operation {
  uint8_t form = 0;
  uint8_t path = 0;
  uint8_t other = 0;  // of forms on descriptors: which descriptor
  bool by_other_user = false;
  bool operator==(const Operation&) const = default;
};

inline constexpr size_t kDescriptors = 2;

// Trees are built with times long past; later ones are of the run and differ between subjects (2020-01-01,
// seconds).
inline constexpr int64_t kRunsAreLaterThan = 1577836800;

// Who acts besides the mounter, and what cases call it.
inline constexpr uid_t kOtherUser = 1000;
inline constexpr const char* kOtherUsersName = "alice";

// The paths of one scenario below the place where it was laid out, and the descriptors opened there.
struct Operands {
  std::array<At, kPaths.size()> at;
  std::array<int, kDescriptors> fds;  // -1: closed
  // `place`: absolute directory without a slash at its end.
  explicit Operands(const std::string& place);
};

// What was observed: errno (0: it worked) and everything else that two subjects must agree in, packed.
struct Observed {
  int error = 0;
  std::string value;
  bool operator==(const Observed&) const = default;
};

// What a form acts on.
enum class On { path, two_paths, descriptor, opening, harness };

struct Form {
  std::string_view name;  // "append", for tables and signatures
  bool changes = false;   // may change the tree
  On on = On::path;
  const char* clause;  // the clause a deviation in it most likely offends
  Observed (*perform)(Vfs&, const At&, const At&);
  // Second argument: the other path, or the descriptor's name.
  Json (*step)(const std::string&, const std::string&);
  // Of forms on descriptors, instead of `perform`.
  Observed (*perform_on)(Vfs&, const At&, int& fd) = nullptr;
};

// All forms; those that change nothing first.
const std::vector<Form>& forms();
// Index of the form of that name.
uint8_t form_of(std::string_view name);
// Is it a step of the harness: done to the whole mount, not through it?
bool is_of_the_harness(const Operation& operation);

// Not for steps of the harness.
Observed perform(const Operation& operation, Vfs& vfs, Operands& operands);

// As a step of a case whose root is `place` ("" or "d/").
Json step_of(const Operation& operation, const std::string& place);

// Everything that can be done without descriptors: each form on each path or pair of paths.
std::vector<Operation> all_operations();

// Does it touch the first (a) or the second object (b)?
bool touches(const Operation& operation, char object);

}  // namespace ovlcheck::generate
