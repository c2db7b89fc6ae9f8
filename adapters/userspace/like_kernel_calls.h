// The calls by which UserlayVfs is compared with the running kernel (tests only).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/ops/vfs.h"

namespace ovlcheck::like_kernel {

// Makes a call and says what came of it.
struct Named {
  std::string name;
  std::function<std::string(Vfs&, const std::string& path)> call;
  bool changes = true;  // may it leave another tree behind when it succeeds?
};
struct NamedOfTwo {
  std::string name;
  std::function<std::string(Vfs&, const std::string& from, const std::string& to)> call;
};

// Several calls and what came of each.
struct Story {
  std::string name;
  std::function<std::string(Vfs&)> tell;
};

// open(2) and openat2(2) with all kinds of flags, and everything one can try with the descriptor.
std::vector<Named> open_calls();
// Calls that change nothing.
std::vector<Named> looking_calls();
std::vector<Named> changing_calls();
std::vector<NamedOfTwo> calls_of_two();
// On plain_layers(). In a user namespace (not `privileged`) the kernel takes the names of a copied up file
// for different files; this peculiarity is left out.
std::vector<Story> stories(bool privileged);

// "ok" and what there is to say, or the name of the errno.
std::string name_of(int error);
template <class T>
std::string answer(const Sys<T>& result, const std::function<std::string(const T&)>& describe) {
  return result ? "ok " + describe(*result) : name_of(result.error());
}
std::string answer(const Sys<void>& result);
// Attributes that two overlays share.
std::string describe(const struct statx& status);

}  // namespace ovlcheck::like_kernel
