// Table: the "for" of a case, and what it expands into.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/case/case.h"

namespace ovlcheck {

// Where every value of an expanded case came from: pointer in it -> pointer in the case as written.
using Origins = std::map<std::string, std::string>;

class Table {
 public:
  // `json` is a case as written, with or without "for", and must outlive the table. Throws BadCase with
  // pointers in that case.
  explicit Table(const Json& json);

  // How many cases it makes, at least 1.
  size_t size() const { return rows_.size(); }
  // The id of the nth case: "triggers[chmod,fifo]".
  std::string id(size_t nth) const;
  // The nth case without "for" and "except". Throws BadCase with pointers in the case as written.
  Json expand(size_t nth, Origins* origins = nullptr) const;

 private:
  struct Value {
    std::string name;  // its text in the id
    const Json* json = nullptr;
    bool is_object = false;  // given as an object's member
  };
  struct Axis {
    std::string name;
    std::vector<Value> values;
  };
  using Row = std::vector<size_t>;  // for each axis, which value

  void read_axes(const Json& axes);
  void read_axis(const Json& values, Axis& axis) const;
  void multiply();
  void drop(const Json& except);
  bool matches(const Row& row, const std::vector<std::pair<size_t, size_t>>& pattern) const;

  const Json& json_;
  std::vector<Axis> axes_;
  std::vector<Row> rows_;

  friend class Substitution;
};

}  // namespace ovlcheck
