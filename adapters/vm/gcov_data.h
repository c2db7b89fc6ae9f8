// GcovData: the counters of one object file (.gcda) and the names of its functions (.gcno), in the formats of
// GCC 12 and later, whose lengths are in bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck {

// A counter file as a template: everything in it but the counters stays as it is.
class GcovData {
 public:
  // Throws std::runtime_error if `content` is no counter file of GCC 12 or later for this machine's byte
  // order.
  explicit GcovData(std::string content);

  size_t counters() const { return places_.size(); }
  uint64_t counter(size_t index) const;
  void add(size_t index, uint64_t count);
  // The function that counter belongs to, as function_names() knows it.
  uint32_t function_of(size_t index) const { return places_[index].function; }
  const std::string& content() const { return content_; }

 private:
  struct Place {
    size_t offset;  // of eight bytes
    uint32_t function;
  };
  std::string content_;
  std::vector<Place> places_;
};

struct GcovFunction {
  std::string name, source;
};

// The functions in a notes file, by the number that its counter file has for them. A function was entered if
// and only if one of its counters is not zero: the arcs without a counter form a tree. Throws
// std::runtime_error.
std::map<uint32_t, GcovFunction> function_names(std::string_view notes);

}  // namespace ovlcheck
