#include "harness/ops/executor_context.h"

#include <sys/mman.h>

#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

// A descriptor number nothing ever has: EBADF, and never that of a descriptor opened since.
constexpr int kClosed = INT32_MAX;

template <class T>
const T& named(const std::map<std::string, T>& all, const std::string& name, const char* kind) {
  auto found = all.find(name);
  if (found == all.end()) throw BadCase("", std::string("there is no ") + kind + " \"" + name + "\"");
  return found->second;
}

}  // namespace

void Names::put_descriptor(const std::string& name, int fd) {
  std::lock_guard lock(mutex_);
  const auto [found, is_new] = descriptors_.try_emplace(name, fd);
  if (is_new) return;
  if (found->second != kClosed) nameless_.push_back(found->second);
  found->second = fd;
}

int Names::descriptor(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return named(descriptors_, name, "descriptor");
}

void Names::not_opened(const std::string& name) {
  put_descriptor(name, kClosed);
}

void Names::closed(const std::string& name) {
  std::lock_guard lock(mutex_);
  descriptors_[name] = kClosed;
}

std::optional<int> Names::find_descriptor(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = descriptors_.find(name);
  return found == descriptors_.end() ? std::nullopt : std::optional(found->second);
}

void Names::put_mapping(const std::string& name, Mapping mapping) {
  std::lock_guard lock(mutex_);
  Mapping& now = mappings_[name];
  if (now.address) (void)munmap(now.address, now.size);
  now = mapping;
}

Names::Mapping Names::mapping(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return named(mappings_, name, "mapping");
}

Names::Mapping Names::take_mapping(const std::string& name) {
  std::lock_guard lock(mutex_);
  const Mapping mapping = named(mappings_, name, "mapping");
  mappings_.erase(name);
  return mapping;
}

void Names::put_position(const std::string& name, int64_t offset) {
  std::lock_guard lock(mutex_);
  positions_[name] = offset;
}

int64_t Names::position(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return named(positions_, name, "earlier readdir");
}

void Names::put_handle(const std::string& name, FileHandle handle) {
  std::lock_guard lock(mutex_);
  handles_[name] = std::move(handle);
}

FileHandle Names::handle(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return named(handles_, name, "file handle");
}

NamedHandles Names::handles() const {
  std::lock_guard lock(mutex_);
  return handles_;
}

std::vector<int> Names::clear() {
  std::lock_guard lock(mutex_);
  for (const auto& [name, mapping] : mappings_)
    if (mapping.address) (void)munmap(mapping.address, mapping.size);
  std::vector<int> open = std::move(nameless_);
  nameless_.clear();
  for (const auto& [name, fd] : descriptors_)
    if (fd != kClosed) open.push_back(fd);
  mappings_.clear();
  descriptors_.clear();
  positions_.clear();
  handles_.clear();
  return open;
}

std::string Operands::bytes(const char* member) const {
  return bytes_from_text(step.args.at(member).get_ref<const std::string&>());
}

std::string Operands::text(const char* member, const char* when_absent) const {
  return has(member) ? step.args.at(member).get<std::string>() : when_absent;
}

int64_t Operands::number(const char* member, int64_t when_absent) const {
  return has(member) ? step.args.at(member).get<int64_t>() : when_absent;
}

mode_t Operands::mode(const char* member, mode_t when_absent) const {
  if (!has(member)) return when_absent;
  return static_cast<mode_t>(std::stoul(step.args.at(member).get_ref<const std::string&>(), nullptr, 8));
}

unsigned long Operands::flags(const char* kind, const char* member, const char* when_absent) const {
  return constant(kind, text(member, when_absent));
}

std::optional<off_t> Operands::offset() const {
  return has("offset") ? std::optional<off_t>(number("offset", 0)) : std::nullopt;
}

namespace {

At place(const Operands& operands, const Json& path) {
  At at{AT_FDCWD, bytes_from_text(path.get_ref<const std::string&>())};
  if (operands.has("at")) at.dir = operands.names.descriptor(operands.step.args.at("at").get<std::string>());
  return at;
}

}  // namespace

At Operands::at() const {
  return place(*this, value);
}
At Operands::at(size_t index) const {
  return place(*this, value.at(index));
}
At Operands::on_descriptor() const {
  return {descriptor(), ""};
}
int Operands::descriptor() const {
  return names.descriptor(value.get<std::string>());
}
int Operands::descriptor(size_t index) const {
  return names.descriptor(value.at(index).get<std::string>());
}

std::string Operands::content() const {
  if (has("data")) return bytes("data");
  if (!has("fill")) return "";
  return std::string(static_cast<size_t>(number("size", 0)), bytes("fill").at(0));
}

StepResult failure(int error) {
  StepResult result;
  if (error == kNotOffered)
    result.skip = "this subject has no such operation";
  else
    result.error = error;
  return result;
}

StepResult success(Json value) {
  StepResult result;
  result.value = std::move(value);
  return result;
}

StepResult done(const Sys<void>& outcome) {
  return outcome ? StepResult{} : failure(outcome.error());
}

}  // namespace ovlcheck
