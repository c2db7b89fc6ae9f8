#include "adapters/userspace/userlay/mutant.h"

#ifdef OVLCHECK_MUTANTS
#include <cstdlib>
#include <cstring>

namespace userlay {

bool mutant(const char* name) {
  static const char* const asked = std::getenv("OVLCHECK_MUTANT");
  return asked && std::strcmp(asked, name) == 0;
}

}  // namespace userlay
#endif
