#include "adapters/fuse/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

namespace ovlcheck {
namespace {

// As mount(8) writes it: "volatile", "redirect_dir=on".
std::string written(const std::string& option, const std::string& value) {
  return value.empty() ? option : option + "=" + value;
}

tl::unexpected<MountError> refused(std::string why) {
  return tl::unexpected(MountError{EINVAL, std::move(why)});
}

// All options to add, each after a comma.
std::string option_text(const Descriptor& descriptor, const Options& options) {
  std::string text;
  for (const auto& [option, value] : options) {
    const std::string added =
        descriptor.kernel_options ? written(option, value) : descriptor.options.at(option).values.at(value);
    if (!added.empty()) text += "," + added;
  }
  return text;
}

bool names_lower(const std::string& argument) {
  return argument.find("{lower}") != std::string::npos;
}

// Layers are told apart by characters that paths may hold too, and few programs know an escape.
std::optional<std::string> untellable(const LayerDirs& dirs) {
  if (dirs.path.find_first_of(":,=\\") == std::string::npos) return std::nullopt;
  return "the path " + dirs.path + " holds characters that separate layers or options";
}

// Does the kernel have an option with that value?
bool is_value_of_some_option(const std::string& value) {
  for (const char* known : {"on", "off", "follow", "nofollow", "auto", "require", "null", "volatile", "strict"})
    if (value == known) return true;
  return false;
}

}  // namespace

std::vector<std::string> placeholders(const std::string& text) {
  std::vector<std::string> names;
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1)) {
    const size_t close = text.find('}', open);
    if (close == std::string::npos) break;
    names.push_back(text.substr(open + 1, close - open - 1));
  }
  return names;
}

std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open)) {
    const size_t close = text.find('}', open);
    if (close == std::string::npos) break;
    const auto value = values.find(text.substr(open + 1, close - open - 1));
    if (value == values.end()) {
      ++open;
      continue;
    }
    text.replace(open, close - open + 1, value->second);
    open += value->second.size();
  }
  return text;
}

Options effective_options(const Descriptor& descriptor, const Options& asked) {
  Options all = asked;
  for (const auto& [name, option] : descriptor.options)
    if (option.fallback) all.try_emplace(name, *option.fallback);
  return all;
}

std::optional<std::string> unsupported(const Descriptor& descriptor, const std::string& option,
                                       const std::string& value) {
  // Such paths are relative to the case's directory, where no program runs.
  for (const char* layers : {"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"})
    if (option == layers) return "layers given as mount options are for kernel mounts";
  const auto known = descriptor.options.find(option);
  if (known == descriptor.options.end() && descriptor.kernel_options) return std::nullopt;
  if (known == descriptor.options.end())
    return fmt::format("{} has no mount option {}", descriptor.name, option);
  if (known->second.values.contains(value)) return std::nullopt;
  // What no overlay has, the program itself must refuse.
  if (descriptor.kernel_options && !is_value_of_some_option(value)) return std::nullopt;
  return fmt::format("{} has no {}", descriptor.name, written(option, value));
}

tl::expected<std::vector<std::string>, MountError> mount_command(const Descriptor& descriptor,
                                                                 const LayerDirs& dirs,
                                                                 const Options& options) {
  const bool read_only = dirs.upper.empty();
  const auto& command = read_only ? descriptor.mount_read_only : descriptor.mount;
  if (command.empty()) return refused(descriptor.name + " has no mounts without an upper layer");
  if (!dirs.data.empty() && !descriptor.kernel_options)
    return refused(descriptor.name + " has no data-only layers");
  if (auto why = untellable(dirs)) return refused(*why);
  for (const auto& [option, value] : options)
    if (auto why = unsupported(descriptor, option, value)) return refused(*why);

  std::vector<std::string> lowers;
  for (const std::string& lower : dirs.lowers)
    lowers.push_back(filled(descriptor.lower, {{"path", dirs.path + "/" + lower}}));
  std::map<std::string, std::string> values = {{"upper", dirs.path + "/" + dirs.upper},
                                               {"work", dirs.path + "/" + dirs.work},
                                               {"mount", dirs.path + "/" + dirs.merged},
                                               {"options", option_text(descriptor, options)}};
  if (descriptor.separator) values["lower"] = fmt::format("{}", fmt::join(lowers, *descriptor.separator));
  for (const std::string& data : dirs.data) values["lower"] += "::" + dirs.path + "/" + data;

  std::vector<std::string> argv;
  for (const std::string& argument : command) {
    if (descriptor.separator || !names_lower(argument)) {
      argv.push_back(filled(argument, values));
      continue;
    }
    for (const std::string& lower : lowers) {
      values["lower"] = lower;
      argv.push_back(filled(argument, values));
    }
  }
  return argv;
}

}  // namespace ovlcheck
