// The vocabulary of operations: which there are and which members a step of each may have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck {

// What an operand is; decides how it is checked, printed and substituted.
enum class Operand {
  path,
  descriptor,
  path_or_descriptor,
  paths,
  descriptors,
  descriptor_and_path,
  text,
  flag,
  layer,
  options,
  program,
  tracks
};

struct Operation {
  std::string_view name;
  Operand operand;                        // the value of the member that names the operation
  std::vector<std::string_view> members;  // further members, without the common ones
  std::vector<std::string_view> results;  // members of its result
  bool of_the_harness = false;            // remount, offline, tree, volume, parallel, barrier...
};

// All operations, sorted by name.
const std::vector<Operation>& vocabulary();
// The operation of that name or nullptr.
const Operation* find_operation(std::string_view name);

// Symbolic constants in cases ("O_RDWR|O_CREAT", "RENAME_EXCHANGE", "FS_IMMUTABLE_FL", "ENOENT"). `kind` is
// one of open, resolve, rename, at, fallocate, prot, map, xattr, lock, access, whence, inotify, fsflag,
// statx (its
// attributes). A number ("0x10") stands for itself. Throws BadCase (pointer empty) on an unknown name.
unsigned long constant(std::string_view kind, std::string_view text);

// Which kind of constants a member of an operation holds ("open", "flags" -> "open"); "" = none.
std::string_view constant_kind(std::string_view operation, std::string_view member);

// The names of the constants of that kind which are set in `value`, for what getflags and statx saw.
std::vector<std::string_view> constant_names(std::string_view kind, unsigned long value);

// All errno names, in the order of their numbers.
std::vector<std::string_view> errno_names();
// "ENOENT" <-> 2. `errno_number` returns 0 for an unknown name, `errno_name` "E<number>" for an unknown
// number.
int errno_number(std::string_view name);
std::string errno_name(int number);

}  // namespace ovlcheck
