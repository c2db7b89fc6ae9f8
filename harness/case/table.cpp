#include "harness/case/table.h"

#include <algorithm>

#include "harness/case/place.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

constexpr size_t most_rows = 10000;
// Values in one expanded case, and values in values in values: against tables that grow without end.
constexpr size_t most_values = 200000;
constexpr int deepest_values = 16;
constexpr int deepest_case = 200;
constexpr int most_repeats = 10000;

// A value's text in an id, "" if it has none. What would be a nuisance in an id becomes an underscore.
std::string text_in_id(const Json& value) {
  std::string text;
  if (value.is_string())
    text = value.get<std::string>();
  else if (value.is_number() || value.is_boolean())
    text = value.dump();
  std::replace_if(
      text.begin(), text.end(),
      [](char c) {
        return c <= ' ' || c >= '\x7f' || std::string_view(",[]\"'\\").find(c) != std::string_view::npos;
      },
      '_');
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// The variable if `text` is exactly "${variable}", else "".
std::string_view whole_variable(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return {};
  text = text.substr(2, text.size() - 3);
  return text.find('}') == text.npos ? text : std::string_view();
}

// {"repeat": 100, "of": [...], "count": "i"}, an element of an array that stands for many.
bool is_repeat(const Json& json) {
  return json.is_object() && json.contains("repeat") && json.contains("of");
}

}  // namespace

Table::Table(const Json& json) : json_(json) {
  const Place place{nullptr, ""};
  if (!json.is_object()) place.fail("a case must be an object");
  const auto id = json.find("id");
  if (id == json.end() || !id->is_string()) place.fail("a case needs an \"id\"");
  if (const auto axes = json.find("for"); axes != json.end()) read_axes(*axes);
  multiply();
  if (const auto except = json.find("except"); except != json.end()) drop(*except);
}

void Table::read_axes(const Json& axes) {
  const Place root{nullptr, ""}, place = root.in("for");
  if (!axes.is_object() || axes.empty()) place.fail("must be an object: a name and its values, at least one");
  for (const auto& [name, values] : axes.items()) {
    if (!is_name(name))
      place.in(name).fail("the name of a table's variable has letters, digits, - and _ only");
    Axis axis{.name = name, .values = {}};
    read_axis(values, axis);
    axes_.push_back(std::move(axis));
  }
}

void Table::read_axis(const Json& values, Axis& axis) const {
  const Place root{nullptr, ""}, table = root.in("for"), place = table.in(axis.name);
  if (!values.is_structured() || values.empty())
    place.fail("must be an array of values or an object of named ones, not empty");
  for (const auto& [key, value] : values.items()) {
    const Place here = place.in(key);
    std::string name = values.is_object() ? text_in_id(key) : text_in_id(value);
    if (values.is_object() && name.empty()) here.fail("the name of a value must not be empty");
    if (values.is_object() && !value.is_object())
      here.fail("a named value must be an object; ${" + axis.name + ".MEMBER} then stands for its members");
    if (name.empty())
      here.fail("has no text for an id; give it a name: {\"" + axis.name +
                "\": {\"NAME\": {\"value\": ...}}}");
    for (const Value& other : axis.values)
      if (other.name == name) here.fail("there is already a value \"" + name + '"');
    axis.values.push_back({.name = std::move(name), .json = &value, .is_object = values.is_object()});
  }
}

void Table::multiply() {
  rows_ = {{}};
  for (const Axis& axis : axes_) {
    if (rows_.size() * axis.values.size() > most_rows)
      throw BadCase("/for", "makes more than " + std::to_string(most_rows) +
                                " cases; use fewer values or several cases");
    std::vector<Row> longer;
    for (const Row& row : rows_) {
      for (size_t i = 0; i < axis.values.size(); ++i) {
        longer.push_back(row);
        longer.back().push_back(i);
      }
    }
    rows_ = std::move(longer);
  }
}

void Table::drop(const Json& except) {
  const Place root{nullptr, ""}, place = root.in("except");
  if (axes_.empty()) place.fail("drops combinations of a table, but there is no \"for\"");
  if (!except.is_array()) place.fail("must be an array of combinations");
  for (const auto& [index, combination] : except.items()) {
    const Place here = place.in(index);
    if (!combination.is_object() || combination.empty())
      here.fail("must be an object: a variable and its value");
    std::vector<std::pair<size_t, size_t>> pattern;
    for (const auto& [name, value] : combination.items()) {
      const auto axis =
          std::find_if(axes_.begin(), axes_.end(), [&key = name](const Axis& a) { return a.name == key; });
      std::vector<std::string_view> known;
      if (axis == axes_.end()) {
        for (const Axis& a : axes_) known.push_back(a.name);
        here.in(name).fail("the table has no such variable" + did_you_mean(name, known));
      }
      for (const Value& v : axis->values) known.push_back(v.name);
      const std::string text = text_in_id(value);
      const auto found = std::find(known.begin(), known.end(), text);
      if (found == known.end())
        here.in(name).fail("\"" + name + "\" has no such value" + did_you_mean(text, known));
      pattern.emplace_back(axis - axes_.begin(), found - known.begin());
    }
    std::erase_if(rows_, [&](const Row& row) { return matches(row, pattern); });
  }
  if (rows_.empty()) place.fail("leaves no case of the table");
}

bool Table::matches(const Row& row, const std::vector<std::pair<size_t, size_t>>& pattern) const {
  return std::all_of(pattern.begin(), pattern.end(), [&](const auto& p) { return row[p.first] == p.second; });
}

std::string Table::id(size_t nth) const {
  std::string text = json_.at("id").get<std::string>();
  for (size_t i = 0; i < axes_.size(); ++i) text += (i ? "," : "[") + axes_[i].values[rows_[nth][i]].name;
  return axes_.empty() ? text : text + ']';
}

// Puts one row's values in the place of variables.
class Substitution {
 public:
  Substitution(const Table& table, size_t nth, Origins* origins)
      : table_(table), row_(table.rows_[nth]), origins_(origins) {}

  // `from`: where `json` was written; `to`: where the result will stand.
  Json apply(const Json& json, const Place& from, const Place& to, int depth) {
    if (++values_ > most_values)
      from.fail("the table makes a case of more than " + std::to_string(most_values) + " values");
    if (depth > deepest_case) from.fail("the table nests values too deeply");
    if (json.is_string()) return text(json.get_ref<const std::string&>(), from, to, depth);
    note(from, to);
    if (json.is_array()) return array(json, from, to, depth);
    if (json.is_object()) return object(json, from, to, depth);
    return json;
  }

 private:
  // A variable's value: JSON, or a name if the variable stands for a named value as a whole.
  struct Found {
    const Json* json = nullptr;
    std::string name;
    std::string pointer;  // where it was written
  };

  void note(const Place& from, const Place& to) {
    if (origins_) (*origins_)[to.pointer()] = from.pointer();
  }

  Json text(const std::string& text, const Place& from, const Place& to, int depth) {
    const std::string_view variable = whole_variable(text);
    if (variable.empty()) {
      note(from, to);
      return filled_in(text, from);
    }
    const Found found = find(variable, from);
    if (!found.json) {
      note(from, to);
      return found.name;
    }
    return inserted(*found.json, {nullptr, found.pointer}, to, depth);
  }

  // A value of the table, which may hold variables itself.
  Json inserted(const Json& json, const Place& from, const Place& to, int depth) {
    if (inside_ >= deepest_values) from.fail("values of the table stand for each other without end");
    ++inside_;
    Json result = apply(json, from, to, depth + 1);
    --inside_;
    return result;
  }

  Json array(const Json& json, const Place& from, const Place& to, int depth) {
    Json result = Json::array();
    append(json, from, to, depth, result);
    return result;
  }

  // The elements of `json` behind those of `result`.
  void append(const Json& json, const Place& from, const Place& to, int depth, Json& result) {
    for (size_t i = 0; i < json.size(); ++i) {
      const std::string index = std::to_string(i);
      const Place here = from.in(index);
      if (json[i].is_string() && json[i].get_ref<const std::string&>().starts_with("...${")) {
        splice(json[i].get_ref<const std::string&>(), here, to, depth, result);
      } else if (is_repeat(json[i])) {
        repeat(json[i], here, to, depth, result);
      } else {
        const std::string new_index = std::to_string(result.size());
        result.push_back(apply(json[i], here, to.in(new_index), depth + 1));
      }
    }
  }

  // `of` again and again; the name that `count` gives stands for 0, 1, ... in it.
  void repeat(const Json& json, const Place& from, const Place& to, int depth, Json& result) {
    for (const auto& [key, value] : json.items())
      if (key != "repeat" && key != "of" && key != "count")
        from.in(key).fail("a repetition has \"repeat\", \"of\" and \"count\" only");
    const Json times = apply(json["repeat"], from.in("repeat"), to, depth + 1);
    if (!times.is_number_integer() || times < 0 || times > most_repeats)
      from.in("repeat").fail("must be a number, 0 to " + std::to_string(most_repeats));
    if (!json["of"].is_array()) from.in("of").fail("must be an array, whose elements are repeated");
    const Json name = json.value("count", Json("#"));
    if (!name.is_string() || (name != "#" && !is_name(name.get_ref<const std::string&>())))
      from.in("count").fail("the name of a table's variable has letters, digits, - and _ only");
    if (inside_ >= deepest_values) from.fail("values of the table stand for each other without end");
    ++inside_;
    counters_.emplace_back(name.get<std::string>(), 0);
    const size_t counter = counters_.size() - 1;
    for (int i = 0; i < times.get<int>(); ++i) {
      counters_[counter].second = i;
      append(json["of"], from.in("of"), to, depth + 1, result);
    }
    counters_.pop_back();
    --inside_;
  }

  void splice(const std::string& text, const Place& from, const Place& to, int depth, Json& result) {
    const std::string_view variable = whole_variable(std::string_view(text).substr(3));
    if (variable.empty()) from.fail("must be \"...${VARIABLE}\" and no more");
    const Found found = find(variable, from);
    if (!found.json || !found.json->is_array())
      from.fail("${" + std::string(variable) + "} is not an array, whose elements could stand here");
    const Place source{nullptr, found.pointer};
    for (size_t i = 0; i < found.json->size(); ++i) {
      const Json& element = (*found.json)[i];
      const std::string index = std::to_string(i), new_index = std::to_string(result.size());
      if (is_repeat(element))
        repeat(element, source.in(index), to, depth, result);
      else
        result.push_back(inserted(element, source.in(index), to.in(new_index), depth));
    }
  }

  Json object(const Json& json, const Place& from, const Place& to, int depth) {
    Json result = Json::object();
    for (const auto& [key, value] : json.items()) {
      const Place here = from.in(key);
      const std::string new_key = filled_in(key, here);
      if (new_key != key && result.contains(new_key))
        here.fail("there is already a member \"" + new_key + '"');
      Json new_value = apply(value, here, to.in(new_key), depth + 1);
      result[new_key] = std::move(new_value);
    }
    return result;
  }

  // `text` with each variable's text in its place.
  std::string filled_in(const std::string& text, const Place& from) {
    std::string result;
    for (size_t at = 0;;) {
      const size_t start = text.find("${", at);
      result += text.substr(at, start - at);
      if (start == text.npos) return result;
      const size_t end = text.find('}', start);
      if (end == text.npos) from.fail("\"${\" has no \"}\"");
      const std::string variable = text.substr(start + 2, end - start - 2);
      const Found found = find(variable, from);
      if (!found.json)
        result += found.name;
      else if (found.json->is_string())
        result += found.json->get_ref<const std::string&>();
      else if (found.json->is_number() || found.json->is_boolean())
        result += found.json->dump();
      else
        from.fail("${" + variable + "} has no text that could stand inside a longer one");
      if (result.size() > (size_t{1} << 20)) from.fail("the table makes a text of more than 1 MiB");
      at = end + 1;
    }
  }

  Found find(std::string_view variable, const Place& from) const {
    for (const auto& [counter, value] : counters_)
      if (counter == variable) return {.json = nullptr, .name = std::to_string(value), .pointer = ""};
    const size_t dot = variable.find('.');
    const std::string_view name = variable.substr(0, dot);
    std::vector<std::string_view> known;
    for (size_t i = 0; i < table_.axes_.size(); ++i) {
      const Table::Axis& axis = table_.axes_[i];
      known.push_back(axis.name);
      if (axis.name != name) continue;
      const size_t nth = row_[i];
      const Table::Value& value = axis.values[nth];
      const std::string token = value.is_object ? value.name : std::to_string(nth);
      if (dot == variable.npos && value.is_object)
        return {.json = nullptr, .name = value.name, .pointer = ""};
      const std::string pointer = "/for/" + pointer_token(axis.name) + '/' + pointer_token(token);
      if (dot == variable.npos) return {.json = value.json, .name = "", .pointer = pointer};
      return member({.json = value.json, .name = value.name, .pointer = pointer}, variable.substr(dot + 1),
                    from);
    }
    from.fail("\"${" + std::string(variable) + "}\": the table has no variable \"" + std::string(name) + '"' +
              did_you_mean(name, known));
  }

  static Found member(Found found, std::string_view path, const Place& from) {
    for (;;) {
      const size_t dot = path.find('.');
      const std::string key(path.substr(0, dot));
      if (!found.json->is_object()) from.fail("\"" + found.name + "\" has no members such as \"" + key + '"');
      const auto next = found.json->find(key);
      if (next == found.json->end()) {
        std::vector<std::string_view> known;
        for (const auto& [name, value] : found.json->items()) known.push_back(name);
        from.fail("the table's value \"" + found.name + "\" has no member \"" + key + '"' +
                  did_you_mean(key, known));
      }
      found = {.json = &*next, .name = key, .pointer = found.pointer + '/' + pointer_token(key)};
      if (dot == path.npos) return found;
      path.remove_prefix(dot + 1);
    }
  }

  const Table& table_;
  const Table::Row& row_;
  Origins* origins_;
  size_t values_ = 0;
  int inside_ = 0;                                     // values of the table being inserted into each other
  std::vector<std::pair<std::string, int>> counters_;  // of the repetitions around
};

Json Table::expand(size_t nth, Origins* origins) const {
  if (axes_.empty()) return json_;
  const Place root{nullptr, ""};
  Substitution substitution(*this, nth, origins);
  Json result = Json::object();
  for (const auto& [key, value] : json_.items()) {
    if (key == "for" || key == "except") continue;
    const Place here = root.in(key);
    result[key] = key == "id" ? Json(id(nth)) : substitution.apply(value, here, here, 0);
  }
  return result;
}

std::vector<Json> expand_table(const Json& json, const std::string& pointer) {
  try {
    const Table table(json);
    std::vector<Json> cases;
    for (size_t i = 0; i < table.size(); ++i) cases.push_back(table.expand(i));
    return cases;
  } catch (const BadCase& bad) {
    std::vector<Problem> problems = bad.problems;
    for (Problem& problem : problems) problem.pointer.insert(0, pointer);
    throw BadCase(problems);
  }
}

}  // namespace ovlcheck
