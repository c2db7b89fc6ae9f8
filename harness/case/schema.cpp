#include "harness/case/schema.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

// The library's own warnings are not ours to mend.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

#include "harness/case/operation.h"
#include "harness/case/scan.h"
#include "harness/case/schema_text.h"
#include "harness/case/suggest.h"

namespace ovlcheck {
namespace {

using Plain = nlohmann::json;
using Path = std::vector<std::string>;  // reference tokens, not escaped

// The validator matches patterns by recursion, one level per character, so no text it sees may be long. All
// patterns are of things that must be far shorter.
constexpr size_t longest_matched = 1000;

std::string pointer_of(const Path& path) {
  std::string pointer;
  for (const std::string& token : path) pointer += '/' + pointer_token(token);
  return pointer;
}

// The value in the validator's own type, long texts cut off.
Plain plain(const Json& json) {
  if (json.is_object()) {
    Plain object = Plain::object();
    for (const auto& [key, value] : json.items()) object[key] = plain(value);
    return object;
  }
  if (json.is_array()) {
    Plain array = Plain::array();
    for (const Json& value : json) array.push_back(plain(value));
    return array;
  }
  if (json.is_string()) return json.get_ref<const std::string&>().substr(0, longest_matched);
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<uint64_t>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number_float()) return json.get<double>();
  return nullptr;
}

// Names too long to be matched, which are too long for any use as well.
void find_long_names(const Json& json, Path& path, std::vector<Problem>& problems) {
  for (const auto& [key, value] : json.items()) {
    if (json.is_object() && key.size() > longest_matched) {
      problems.push_back(
          {.file = "", .pointer = pointer_of(path), .message = "has a member whose name is too long"});
      continue;
    }
    if (!value.is_structured()) continue;
    path.push_back(key);
    find_long_names(value, path, problems);
    path.pop_back();
  }
}

// One schema document: validates by its definitions and finds what it says of a place.
class Document {
 public:
  // `shallow`: definitions that demand an object only.
  Document(const char* text, const std::vector<std::string>& shallow) : json_(Plain::parse(text)) {
    for (const std::string& name : shallow) {
      Plain& definition = json_["definitions"][name];
      definition = {{"type", "object"}, {"description", definition["description"]}};
    }
  }

  std::vector<Problem> check(const std::string& definition, const Json& json) {
    std::vector<Problem> problems;
    Path path;
    if (json.is_structured()) find_long_names(json, path, problems);
    if (!problems.empty()) return problems;

    const Plain value = plain(json);
    const std::lock_guard lock(mutex_);
    const valijson::Schema& schema = compiled(definition);
    const valijson::adapters::NlohmannJsonAdapter target(value);
    if (validator_.validate(schema, target, nullptr)) return {};
    valijson::ValidationResults results;
    validator_.validate(schema, target, &results);
    return told(definition, value, results);
  }

  const Plain& resolve(const std::string& definition) const {
    return json_.at(Plain::json_pointer("/definitions/" + definition));
  }

  // The schemas that apply to the value at `path`, as far as a look at names can tell.
  std::vector<const Plain*> applying(const std::string& definition, const Path& path) const {
    std::vector<const Plain*> found;
    collect(definition.empty() ? json_ : resolve(definition), path, 0, 0, found);
    return found;
  }

 private:
  const valijson::Schema& compiled(const std::string& definition) {
    std::unique_ptr<valijson::Schema>& schema = compiled_[definition];
    if (!schema) {
      Plain document = json_;
      if (!definition.empty())
        document = {{"definitions", json_["definitions"]},
                    {"allOf", Plain::array({{{"$ref", "#/definitions/" + definition}}})}};
      schema = std::make_unique<valijson::Schema>();
      valijson::SchemaParser(valijson::SchemaParser::kDraft7)
          .populateSchema(valijson::adapters::NlohmannJsonAdapter(document), *schema);
    }
    return *schema;
  }

  void collect(const Plain& schema, const Path& path, size_t at, int depth,
               std::vector<const Plain*>& found) const {
    if (depth > 400 || !schema.is_object()) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      const auto target = ref->get<std::string>().substr(1);
      collect(json_.at(Plain::json_pointer(target)), path, at, depth + 1, found);
      return;
    }
    if (at == path.size()) found.push_back(&schema);
    for (const char* keyword : {"then", "else"})
      if (const auto part = schema.find(keyword); part != schema.end())
        collect(*part, path, at, depth + 1, found);
    if (const auto all = schema.find("allOf"); all != schema.end())
      for (const Plain& part : *all) collect(part, path, at, depth + 1, found);
    if (at < path.size()) collect_below(schema, path, at, depth, found);
  }

  void collect_below(const Plain& schema, const Path& path, size_t at, int depth,
                     std::vector<const Plain*>& found) const {
    const std::string& token = path[at];
    const auto go = [&](const Plain& part) { collect(part, path, at + 1, depth + 1, found); };
    if (const auto items = schema.find("items"); items != schema.end()) {
      const bool known = items->is_array() && token.size() < 4 && !token.empty() &&
                         token.find_first_not_of("0123456789") == token.npos &&
                         std::stoul(token) < items->size();
      if (!items->is_array()) go(*items);
      if (known) go((*items)[std::stoul(token)]);
    }
    const auto properties = schema.find("properties");
    if (properties != schema.end() && properties->contains(token)) return go(properties->at(token));
    // The only pattern of names in these schemas.
    if (const auto patterns = schema.find("patternProperties");
        patterns != schema.end() && token.ends_with('/'))
      return go(patterns->at("/$"));
    if (const auto others = schema.find("additionalProperties"); others != schema.end()) go(*others);
  }

  // The validator's errors in words; those that only say that an inner error is one further out are left.
  std::vector<Problem> told(const std::string& definition, const Plain& value,
                            valijson::ValidationResults& results) const {
    std::vector<Problem> problems;
    std::set<std::string> seen;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
      Path path;
      for (size_t i = 1; i < error.context.size(); ++i)
        path.push_back(error.context[i].substr(1, error.context[i].size() - 2));
      std::string message = in_words(definition, value, path, error.description);
      if (message.empty() || !seen.insert(pointer_of(path) + message).second) continue;
      problems.push_back({.file = "", .pointer = pointer_of(path), .message = std::move(message)});
    }
    if (problems.empty())
      problems.push_back({.file = "", .pointer = "", .message = "does not fit the schema"});
    return problems;
  }

  std::string in_words(const std::string& definition, const Plain& value, const Path& path,
                       const std::string& error) const {
    const auto quoted = [&] {
      const size_t start = error.find('\'', error.find(": '") == error.npos ? 0 : error.find(": '")) + 1;
      return error.substr(start, error.rfind('\'') - start);
    };
    if (error.starts_with("Object contains a property")) return unknown_member(definition, path, quoted());
    if (error.starts_with("Missing required property")) return "needs the member \"" + quoted() + '"';
    if (error.starts_with("Failed to validate")) return "";
    return "must be " + wanted(definition, path) + suggestion(definition, value, path);
  }

  std::string unknown_member(const std::string& definition, const Path& path, const std::string& name) const {
    std::set<std::string> known;
    for (const Plain* schema : applying(definition, path))
      if (const auto properties = schema->find("properties"); properties != schema->end())
        for (const auto& [key, part] : properties->items()) known.insert(key);
    std::string message = "unknown member \"" + name + '"';
    const std::string near = did_you_mean(name, {known.begin(), known.end()});
    if (!near.empty() || known.empty()) return message + near;
    message += "; known are ";
    for (const std::string& key : known) message += (key == *known.begin() ? "" : ", ") + key;
    return message;
  }

  std::string wanted(const std::string& definition, const Path& path) const {
    for (const Plain* schema : applying(definition, path))
      if (const auto words = schema->find("description"); words != schema->end())
        return words->get<std::string>();
    return "something else";
  }

  // The nearest of the values an enumeration allows.
  std::string suggestion(const std::string& definition, const Plain& value, const Path& path) const {
    const Plain& found = value.at(Plain::json_pointer(pointer_of(path)));
    if (!found.is_string()) return "";
    std::vector<std::string_view> known;
    for (const Plain* schema : applying(definition, path))
      if (const auto values = schema->find("enum"); values != schema->end())
        for (const Plain& one : *values)
          if (one.is_string()) known.push_back(one.get_ref<const std::string&>());
    return did_you_mean(found.get_ref<const std::string&>(), known);
  }

  Plain json_;
  std::mutex mutex_;  // of the two below
  // Keeps the patterns it has compiled, which is most of its work.
  valijson::Validator validator_{valijson::Validator::kStrongTypes};
  std::map<std::string, std::unique_ptr<valijson::Schema>> compiled_;
};

// Steps are checked one by one against their operation's definition: that tells precisely what is wrong.
Document& case_document() {
  static Document document(case_schema_text, {"step"});
  return document;
}

Document& clauses_document() {
  static Document document(clauses_schema_text, {});
  return document;
}

void add(std::vector<Problem> found, const std::string& pointer, std::vector<Problem>& problems) {
  for (Problem& problem : found) {
    problem.pointer.insert(0, pointer);
    problems.push_back(std::move(problem));
  }
}

std::string no_operation(const Json& step) {
  std::vector<std::string_view> known;
  for (const Operation& operation : vocabulary()) known.push_back(operation.name);
  std::string names;
  for (const auto& [key, value] : step.items()) {
    const std::string near = did_you_mean(key, known);
    if (!near.empty()) return "unknown operation \"" + key + '"' + near;
    names += (names.empty() ? "\"" : ", \"") + key + '"';
  }
  return "names no operation" + (names.empty() ? "" : ": none is called " + names);
}

void check_step(const Json& step, const std::string& pointer, std::vector<Problem>& problems);

void check_steps(const Json& steps, const std::string& pointer, std::vector<Problem>& problems) {
  if (!steps.is_array()) return;
  for (size_t i = 0; i < steps.size(); ++i) check_step(steps[i], pointer + '/' + std::to_string(i), problems);
}

void check_step(const Json& step, const std::string& pointer, std::vector<Problem>& problems) {
  if (!step.is_object()) return;
  const auto operations = operations_in(step);
  if (operations.size() == 1) {
    add(case_document().check("common", step), pointer, problems);
    add(case_document().check("operations/" + std::string(operations[0]->name), step), pointer, problems);
  } else if (operations.empty()) {
    problems.push_back({.file = "", .pointer = pointer, .message = no_operation(step)});
  } else {
    problems.push_back({.file = "",
                        .pointer = pointer,
                        .message = "names two operations, \"" + std::string(operations[0]->name) +
                                   "\" and \"" + std::string(operations[1]->name) +
                                   "\"; make two steps of it"});
  }
  if (const auto steps = step.find("steps"); steps != step.end())
    check_steps(*steps, pointer + "/steps", problems);
  if (const auto lists = step.find("parallel"); lists != step.end() && lists->is_array())
    for (size_t i = 0; i < lists->size(); ++i)
      check_steps((*lists)[i], pointer + "/parallel/" + std::to_string(i), problems);
}

}  // namespace

std::vector<Problem> check_file(const Json& json) {
  return case_document().check("file", json);
}

std::vector<Problem> check_table_case(const Json& json) {
  return case_document().check("tableCase", json);
}

std::vector<Problem> check_case(const Json& json) {
  std::vector<Problem> problems = case_document().check("case", json);
  if (const auto steps = json.is_object() ? json.find("steps") : json.end(); steps != json.end())
    check_steps(*steps, "/steps", problems);
  return problems;
}

std::vector<Problem> check_clauses(const Json& json) {
  return clauses_document().check("", json);
}

std::vector<Problem> check_by(const char* schema_text, const Json& json) {
  return Document(schema_text, {}).check("", json);
}

}  // namespace ovlcheck
