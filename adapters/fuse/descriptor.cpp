#include "adapters/fuse/descriptor.h"

#include <algorithm>
#include <boost/tokenizer.hpp>
#include <filesystem>
#include <regex>

#include "adapters/fuse/command.h"
#include "adapters/fuse/embedded.h"
#include "harness/case/problem.h"
#include "harness/case/read.h"
#include "harness/case/schema.h"

namespace ovlcheck {
namespace {

using Problems = std::vector<Problem>;

void add(Problems& problems, std::string pointer, std::string message) {
  problems.push_back({.pointer = std::move(pointer), .message = std::move(message)});
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Every placeholder of `text` must be one of `known`; returns them.
std::vector<std::string> check_text(const std::string& text, const std::string& pointer,
                                    const std::vector<std::string>& known, Problems& problems) {
  std::vector<std::string> found = placeholders(text);
  for (const std::string& name : found)
    if (!contains(known, name)) add(problems, pointer, "unknown placeholder {" + name + "}");
  return found;
}

// The same for all arguments; those in `wanted` must be there.
void check_command(const std::vector<std::string>& argv, const std::string& pointer,
                   const std::vector<std::string>& known, const std::vector<std::string>& wanted,
                   Problems& problems) {
  std::vector<std::string> found;
  for (size_t i = 0; i < argv.size(); ++i)
    for (std::string& name : check_text(argv[i], pointer + "/" + std::to_string(i), known, problems))
      found.push_back(std::move(name));
  for (const std::string& name : wanted)
    if (!contains(found, name)) add(problems, pointer, "the command needs the placeholder {" + name + "}");
}

void check_option(const std::string& name, const Descriptor::Option& option, bool has_room,
                  Problems& problems) {
  const std::string pointer = "/options/" + name;
  if (option.fallback && !option.values.contains(*option.fallback))
    add(problems, pointer + "/default", "the default \"" + *option.fallback + "\" is not one of the values");
  for (const auto& [value, text] : option.values)
    if (!text.empty() && !has_room)
      add(problems, pointer + "/values/" + value, "the command has no {options} to put this into");
}

// What the schema cannot say.
void check_meaning(const Descriptor& d, Problems& problems) {
  check_command(d.mount, "/mount", {"lower", "upper", "work", "mount", "options"},
                {"lower", "upper", "mount"}, problems);
  if (!d.mount_read_only.empty())
    check_command(d.mount_read_only, "/mount_read_only", {"lower", "mount", "options"}, {"lower", "mount"},
                  problems);
  (void)check_text(d.lower, "/lower", {"path"}, problems);
  check_command(d.unmount, "/unmount", {"mount"}, {}, problems);

  const auto has_options = [](const std::vector<std::string>& argv) {
    return std::any_of(argv.begin(), argv.end(), [](const std::string& argument) {
      return contains(placeholders(argument), "options");
    });
  };
  const bool has_room = has_options(d.mount) && (d.mount_read_only.empty() || has_options(d.mount_read_only));
  for (const auto& [name, option] : d.options)
    check_option(name, option, d.kernel_options || has_room, problems);
  if (d.kernel_options && !has_room)
    add(problems, "/kernel_options", "the command has no {options} to put them into");
  try {
    if (std::regex(d.version_pattern).mark_count() < 1 && !d.version_command.empty())
      add(problems, "/version/pattern", "the pattern needs a group around the version: ([0-9.]+)");
  } catch (const std::regex_error& error) {
    add(problems, "/version/pattern", std::string("not a regular expression: ") + error.what());
  }
}

void read_options(const Json& json, Descriptor& d) {
  for (const auto& [name, option] : json.items()) {
    Descriptor::Option& read = d.options[name];
    if (option.contains("default")) read.fallback = option["default"].get<std::string>();
    read.values = option["values"].get<std::map<std::string, std::string>>();
  }
}

// Expects schema-valid input.
Descriptor descriptor_from_json(const Json& json) {
  Descriptor d;
  const auto read = [&json](const char* member, auto& into) {
    if (json.contains(member)) json[member].get_to(into);
  };
  read("name", d.name);
  read("package", d.package);
  read("filesystem", d.filesystem);
  read("mount", d.mount);
  read("mount_read_only", d.mount_read_only);
  read("lower", d.lower);
  if (json.contains("separator")) d.separator = json["separator"].get<std::string>();
  read("unmount", d.unmount);
  read("environment", d.environment);
  if (json.contains("version")) {
    json["version"]["command"].get_to(d.version_command);
    json["version"]["pattern"].get_to(d.version_pattern);
  }
  read("dialect", d.dialect);
  read("kernel_options", d.kernel_options);
  if (json.contains("options")) read_options(json["options"], d);
  if (json.contains("limits") && json["limits"].contains("lowers"))
    d.max_lowers = json["limits"]["lowers"].get<size_t>();
  return d;
}

[[noreturn]] void refuse(Problems problems, const std::string& text, const std::string& file) {
  for (Problem& problem : problems) {
    problem.file = file;
    problem.line = line_of(text, problem.pointer);
  }
  throw BadCase(std::move(problems));
}

}  // namespace

Descriptor read_descriptor(const std::string& text, const std::string& file) {
  const Json json = parse_document(text, file);
  Problems problems = check_by(embedded_schema(), json);
  if (!problems.empty()) refuse(std::move(problems), text, file);
  Descriptor descriptor = descriptor_from_json(json);
  check_meaning(descriptor, problems);
  if (!problems.empty()) refuse(std::move(problems), text, file);
  return descriptor;
}

Descriptor load_descriptor(const std::string& path) {
  return read_descriptor(read_text(path), path);
}

std::vector<std::string> shipped_descriptors() {
  std::vector<std::string> names;
  for (const auto& [name, text] : embedded_descriptors()) names.emplace_back(name);
  return names;
}

Descriptor shipped_descriptor(const std::string& name) {
  const auto& all = embedded_descriptors();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == name; });
  return read_descriptor(std::string(found->second), name + ".json");
}

std::vector<std::string> command_words(const std::string& line) {
  std::vector<std::string> all;
  try {
    const boost::escaped_list_separator<char> separator("\\", " \t\n", "\"'");
    for (const std::string& word : boost::tokenizer<boost::escaped_list_separator<char>>(line, separator))
      if (!word.empty()) all.push_back(word);
  } catch (const boost::escaped_list_error& error) {
    throw BadCase("", "mount command \"" + line + "\": " + error.what());
  }
  return all;
}

Descriptor descriptor_for_command(const std::string& command_template) {
  Descriptor d;
  d.mount = command_words(command_template);
  if (d.mount.empty()) throw BadCase("", "the mount command is empty");
  d.name = std::filesystem::path(d.mount.front()).filename().string();
  d.filesystem = "fuse";
  d.separator = ":";
  // What a program without further features does.
  for (const char* off : {"redirect_dir", "metacopy", "index", "nfs_export", "xino"})
    d.options[off] = {.fallback = "off", .values = {{"off", ""}}};
  d.kernel_options = command_template.find("{options}") != std::string::npos;

  Problems problems;
  check_meaning(d, problems);
  for (Problem& problem : problems)
    problem = {.message = "mount command \"" + command_template + "\": " + problem.message};
  if (!problems.empty()) throw BadCase(std::move(problems));
  return d;
}

}  // namespace ovlcheck
