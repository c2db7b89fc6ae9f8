// Mutants: seeded faults, each like a bug an overlay file system has had, that show whether the cases would
// notice it. mutants.json lists them. A library built without OVLCHECK_MUTANTS has none of them.
#pragma once

namespace userlay {

#ifdef OVLCHECK_MUTANTS
// Is this the fault that the environment variable OVLCHECK_MUTANT asks for?
bool mutant(const char* name);
#else
constexpr bool mutant(const char*) {
  return false;
}
#endif

}  // namespace userlay
