// What libFuzzer calls. The target is named by the variable OVLCHECK_FUZZ.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "harness/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ovlcheck::FuzzTarget target = [] {
    const char* name = std::getenv("OVLCHECK_FUZZ");
    const auto found = ovlcheck::fuzz_targets().find(name ? name : "");
    if (found == ovlcheck::fuzz_targets().end()) {
      (void)std::fprintf(stderr,
                         "fuzz: OVLCHECK_FUZZ must be the name of a target, see harness/fuzz/targets.h\n");
      std::exit(2);
    }
    return found->second;
  }();
  target({reinterpret_cast<const char*>(data), size});
  return 0;
}
