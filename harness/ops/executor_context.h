// What the functions behind the operations share: the operands of a step, and the names a case has given.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/ops/executor.h"

namespace ovlcheck {

// Names of descriptors, mappings, directory positions and handles. Tracks of `parallel` share it. What looks
// a name up throws BadCase if it stands for nothing: then the case is wrong, not the subject.
class Names {
 public:
  struct Mapping {
    void* address = nullptr;
    size_t size = 0;
  };

  void put_descriptor(const std::string& name, int fd);
  int descriptor(const std::string& name) const;
  // There is no such descriptor: what is done with the name fails with EBADF.
  void not_opened(const std::string& name);
  // The descriptor was closed: from now on the name stands for one that is not open.
  void closed(const std::string& name);
  std::optional<int> find_descriptor(const std::string& name) const;
  void put_mapping(const std::string& name, Mapping mapping);
  Mapping mapping(const std::string& name) const;
  Mapping take_mapping(const std::string& name);
  void put_position(const std::string& name, int64_t offset);
  int64_t position(const std::string& name) const;
  void put_handle(const std::string& name, FileHandle handle);
  FileHandle handle(const std::string& name) const;
  NamedHandles handles() const;
  // Unmaps all mappings, forgets all names and gives back the descriptors, for the caller to close.
  std::vector<int> clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> descriptors_;
  std::vector<int> nameless_;  // still open, their name was given to another descriptor
  std::map<std::string, Mapping> mappings_;
  std::map<std::string, int64_t> positions_;
  NamedHandles handles_;
};

// One step about to be done.
struct Operands {
  Vfs& vfs;
  Names& names;
  const Step& step;
  const Json& value;  // of the member that names the operation

  bool has(const char* member) const { return step.args.contains(member); }
  // Text members; bytes are decoded (see text_from_bytes).
  std::string bytes(const char* member) const;
  std::string text(const char* member, const char* when_absent) const;
  int64_t number(const char* member, int64_t when_absent) const;
  // Octal text such as "0644".
  mode_t mode(const char* member, mode_t when_absent) const;
  unsigned long flags(const char* kind, const char* member, const char* when_absent) const;
  std::optional<off_t> offset() const;

  // The operand itself.
  At at() const;              // of a path
  At at(size_t index) const;  // of the index-th path of two
  At on_descriptor() const;   // of a descriptor, as an At
  int descriptor() const;
  int descriptor(size_t index) const;
  // The data of a write: `data`, or `size` times `fill`.
  std::string content() const;
};

using OperationFunction = StepResult (*)(const Operands&);

// The operations of each topic by name; together they are the vocabulary without the harness's steps.
const std::map<std::string_view, OperationFunction>& file_operations();
const std::map<std::string_view, OperationFunction>& name_operations();
const std::map<std::string_view, OperationFunction>& attribute_operations();
const std::map<std::string_view, OperationFunction>& lock_and_program_operations();

// Result of an operation without result members.
StepResult done(const Sys<void>& result);
StepResult failure(int error);
StepResult success(Json value);

}  // namespace ovlcheck
