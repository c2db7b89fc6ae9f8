#include "adapters/fuse/broken/faults.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace brokenfs {
namespace {

// At a request: hang, crash, exit, errno, slow. As long as the mount lasts: the others.
constexpr const char* kKinds[] = {
    "hang",       "crash", "exit",       "errno",        "slow", "phantom", "omit",   "twice",      "endless",
    "wrong-type", "inode", "wrong-size", "endless-file", "deaf", "linger",  "babble", "background", "orphan"};

[[noreturn]] void hang() {
  for (;;) (void)pause();
}

}  // namespace

Fault fault_from(const std::string& words) {
  Fault fault;
  const auto at = words.find('@');
  const std::string what = words.substr(0, at);
  const auto equals = what.find('=');
  fault.kind = what.substr(0, equals);
  if (equals != std::string::npos) fault.value = std::stoi(what.substr(equals + 1));
  if (at != std::string::npos) {
    const std::string when = words.substr(at + 1);
    const auto colon = when.find(':');
    fault.operation = when.substr(0, colon);
    if (colon != std::string::npos) fault.number = std::stoi(when.substr(colon + 1));
  }
  for (const char* kind : kKinds)
    if (fault.kind == kind) return fault;
  throw std::invalid_argument("there is no fault \"" + words + "\"");
}

bool Faults::has(const std::string& kind) const {
  for (const auto& fault : all_)
    if (fault.kind == kind) return true;
  return false;
}

int Faults::strike(const std::string& operation) {
  const int of_kind = ++requests_[operation], of_all = ++requests_[""];
  for (const auto& fault : all_) {
    if (!fault.operation.empty() && fault.operation != operation) continue;
    if ((fault.operation.empty() ? of_all : of_kind) < fault.number) continue;
    if (fault.kind == "hang") hang();
    if (fault.kind == "crash") std::abort();
    if (fault.kind == "exit") _exit(0);
    if (fault.kind == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(fault.value));
    if (fault.kind == "errno") return fault.value;
  }
  return 0;
}

}  // namespace brokenfs
