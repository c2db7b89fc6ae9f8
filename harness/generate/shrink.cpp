#include "harness/generate/shrink.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ovlcheck::generate {
namespace {

constexpr const char* kNonblock = "O_NONBLOCK";

class Shrinker {
 public:
  Shrinker(Json c, const std::function<bool(const Json&)>& deviates, unsigned budget)
      : case_(std::move(c)), deviates_(deviates), left_(budget) {}

  Json run() {
    (void)try_without("after");
    forget_expectations(case_["steps"]);
    for (bool smaller = true; smaller && left_ > 0;) {
      smaller = shrink_list(pointer("/steps"));
      for (const char* member : {"mount", "actors", "requires"})
        smaller |= drop_members(pointer("/") / member);
      smaller |= shrink_layers();
      smaller |= simplify_steps();
    }
    return case_;
  }

 private:
  using Pointer = Json::json_pointer;
  static Pointer pointer(const std::string& text) { return Pointer(text == "/" ? "" : text); }

  // Keeps `candidate` if it still deviates.
  bool accept(Json candidate) {
    if (left_ == 0 || candidate == case_) return false;
    --left_;
    if (!deviates_(candidate)) return false;
    case_ = std::move(candidate);
    return true;
  }

  static Json without(Json value, const Pointer& where) {
    Json& parent = value.at(where.parent_pointer());
    if (parent.is_array())
      parent.erase(parent.begin() + std::stol(where.back()));
    else
      parent.erase(where.back());
    return value;
  }

  bool try_without(const char* member) {
    if (!case_.contains(member)) return false;
    return accept(without(case_, pointer("/") / member));
  }

  // What the two must agree in does not depend on what the case expects.
  static void forget_expectations(Json& steps) {
    for (Json& step : steps) {
      step.erase("expect"), step.erase("copies_up"), step.erase("note");
      if (step.contains("steps")) forget_expectations(step["steps"]);
    }
  }

  // Delta debugging: ever smaller stretches of the list are left out.
  bool shrink_list(const Pointer& where) {
    bool smaller = false;
    size_t size = case_.at(where).size();
    for (size_t chunk = std::max<size_t>(size / 2, 1);; chunk /= 2) {
      for (size_t from = 0; from < case_.at(where).size();) {
        Json candidate = case_;
        Json& list = candidate.at(where);
        const size_t to = std::min(from + chunk, list.size());
        list.erase(list.begin() + static_cast<long>(from), list.begin() + static_cast<long>(to));
        if (!list.empty() && accept(std::move(candidate)))
          smaller = true;
        else
          from += chunk;
        if (left_ == 0) return smaller;
      }
      if (chunk <= 1) return smaller;
    }
  }

  bool drop_members(const Pointer& where) {
    bool smaller = false;
    if (!case_.contains(where)) return false;
    std::vector<std::string> names;
    for (const auto& [name, value] : case_.at(where).items()) names.push_back(name);
    for (const auto& name : names) smaller |= accept(without(case_, where / name));
    if (case_.at(where).empty()) smaller |= accept(without(case_, where));
    return smaller;
  }

  bool shrink_layers() {
    bool smaller = false;
    for (size_t i = case_.contains("lower") ? case_["lower"].size() : 0; i-- > 0;) {
      const Pointer layer = pointer("/lower") / i;
      if (case_["lower"].size() > 1 && accept(without(case_, layer)))
        smaller = true;
      else
        smaller |= shrink_tree(layer);
    }
    if (case_.contains("upper") && case_["upper"].is_object()) smaller |= shrink_tree(pointer("/upper"));
    return smaller;
  }

  // A directory: leaves out nodes, then makes those simpler that have to stay.
  bool shrink_tree(const Pointer& where) {
    bool smaller = false;
    std::vector<std::string> names;
    for (const auto& [name, value] : case_.at(where).items()) names.push_back(name);
    for (const auto& name : names) {
      if (accept(without(case_, where / name))) {
        smaller = true;
        continue;
      }
      const Json& node = case_.at(where / name);
      if (name == ".")
        smaller |= drop_members(where / name);
      else if (name.ends_with('/') && node.is_object())
        smaller |= shrink_tree(where / name);
      else
        smaller |= simplify_node(where / name);
    }
    return smaller;
  }

  bool simplify_node(const Pointer& where) {
    bool smaller = false;
    const Json node = case_.at(where);
    if (!node.is_object()) return false;
    if (node.contains("file")) {
      Json plain = case_;
      plain.at(where) = node["file"];
      if (accept(std::move(plain))) return true;
    }
    for (const auto& [name, value] : node.items())
      if (node.size() > 1) smaller |= case_.at(where).contains(name) && accept(without(case_, where / name));
    return smaller;
  }

  // Members that only say how: without them the operation does its usual.
  bool simplify_steps() {
    bool smaller = false;
    for (size_t i = 0; i < case_["steps"].size(); ++i) {
      const Pointer where = pointer("/steps") / i;
      const Json step = case_.at(where);
      for (const char* member : {"actor", "flags", "offset", "count", "mode"})
        if (step.contains(member) && !(std::string_view(member) == "flags" && keeps_from_blocking(step)))
          smaller |= accept(without(case_, where / member));
      if (step.contains("flags") && case_.at(where).contains("flags")) smaller |= drop_flags(where / "flags");
      if (step.contains("steps")) smaller |= shrink_list(where / "steps");
    }
    return smaller;
  }

  // Opening a fifo waits for the other end unless told not to.
  bool has_fifo() const { return case_.dump().find("\"fifo\"") != std::string::npos; }
  bool keeps_from_blocking(const Json& step) const {
    return step["flags"].is_string() &&
           step["flags"].get<std::string>().find(kNonblock) != std::string::npos && has_fifo();
  }

  // One flag of "A|B|C" after the other.
  bool drop_flags(const Pointer& where) {
    bool smaller = false;
    const std::string flags = case_.at(where).get<std::string>();
    for (size_t start = 0; start < flags.size();) {
      const size_t end = std::min(flags.find('|', start), flags.size());
      const std::string flag = flags.substr(start, end - start);
      start = end + 1;
      std::string now = "|" + case_.at(where).get<std::string>() + "|";
      const size_t at = now.find("|" + flag + "|");
      if (at == std::string::npos || now.size() == flag.size() + 2) continue;
      if (flag == kNonblock && has_fifo()) continue;
      now.erase(at, flag.size() + 1);
      Json candidate = case_;
      candidate.at(where) = now.substr(1, now.size() - 2);
      smaller |= accept(std::move(candidate));
    }
    return smaller;
  }

  Json case_;
  const std::function<bool(const Json&)>& deviates_;
  unsigned left_;
};

}  // namespace

Json shrunk(Json c, const std::function<bool(const Json&)>& deviates, unsigned budget) {
  return Shrinker(std::move(c), deviates, budget).run();
}

}  // namespace ovlcheck::generate
