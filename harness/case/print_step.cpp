// Steps in words.
#include <fmt/format.h>

#include "harness/case/layout.h"
#include "harness/case/print.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

std::string word(const Json& value) {
  return value.is_string() ? path_in_words(value.get_ref<const std::string&>()) : value.dump();
}

std::string joined(const Json& values, const char* between) {
  std::string text;
  for (const Json& value : values) text += (text.empty() ? "" : between) + word(value);
  return text;
}

// "d -> e"; a new symbolic link points to its target, as ls has it.
std::string pair_in_words(const std::string& operation, const Json& pair) {
  if (!pair.is_array() || pair.size() != 2) return word(pair);
  const bool turned = operation == "symlink";
  return word(pair[turned ? 1 : 0]) + " -> " + word(pair[turned ? 0 : 1]);
}

std::string options_in_words(const Json& options) {
  std::string text;
  for (const auto& [name, value] : options.items()) {
    text += text.empty() ? "" : ", ";
    if (value.is_boolean())
      text += (value.get<bool>() ? "" : "no ") + name;
    else
      text += name + "=" + word(value);
  }
  return text;
}

std::string operand_in_words(const Step& step, Operand operand) {
  const Json& value = step.args.at(step.op);
  switch (operand) {
    case Operand::paths:
    case Operand::descriptors:
    case Operand::descriptor_and_path:
      return pair_in_words(step.op, value);
    case Operand::program:
      return joined(value, " ");
    case Operand::options:
      if (value.is_string()) return word(value);  // umount of another overlay
      return value.is_object() && !value.empty() ? "with " + options_in_words(value) : "";
    case Operand::tracks:
      return "";
    case Operand::path:
    case Operand::descriptor:
    case Operand::path_or_descriptor:
    case Operand::text:
    case Operand::flag:
    case Operand::layer:
      break;
  }
  return word(value);
}

std::string time_in_words(const Json& time) {
  return time.is_array() && time.size() == 2 ? fmt::format("{}.{:09}", time[0].dump(), time[1].get<int64_t>())
                                             : word(time);
}

std::string member_in_words(const std::string& name, const Json& value) {
  if (name == "flags" || name == "resolve" || name == "whence" || name == "prot" || name == "op" ||
      name == "mask" || name == "type" || name == "name")
    return word(value);
  if (name == "data" || name == "fill")
    return value.is_string() ? quote(value.get_ref<const std::string&>()) : value.dump();
  if (name == "value")
    return "= " + (value.is_string() ? quote(value.get_ref<const std::string&>()) : value.dump());
  if (name == "args") return joined(value, " ");
  if (name == "atime" || name == "mtime") return name + " " + time_in_words(value);
  if (name == "order") return "lower layers in the order " + joined(value, " ");
  if (value.is_boolean()) return value.get<bool>() ? name : "not " + name;
  if (value.is_null()) return "no " + name;
  if (name == "offsets" || name == "dev") return name + " " + joined(value, name == "dev" ? ":" : ", ");
  return name + " " + word(value);
}

// A layer of another overlay: the name of one that is there, or what is told below the step.
std::string layer_in_words(const Json& layer) {
  return layer.is_string() ? word(layer) : "a tree of its own";
}

std::string overlay_in_words(const Json& args) {
  std::string words = "mount the overlay " + word(args.at("overlay")) + ": ";
  words += !args.contains("upper")      ? "an empty upper of its own"
           : args.at("upper").is_null() ? "no upper"
                                        : layer_in_words(args.at("upper"));
  for (const Json& layer : args.at("lower")) words += " over " + layer_in_words(layer);
  if (args.contains("work")) words += ", work in " + word(args.at("work"));
  if (args.contains("mount") && !args.at("mount").empty())
    words += ", with " + options_in_words(args.at("mount"));
  return words;
}

std::string backing_in_words(const Json& args) {
  const std::string state = args.at("backing").get<std::string>();
  if (state == "normal") return "the file system below is as it was again";
  const std::string words = "the file system below becomes " + state;
  return args.contains("free") ? words + " but for " + args.at("free").dump() + " bytes" : words;
}

// "offline" and "look at" read better than the names of their operations.
std::string harness_step_in_words(const Step& step) {
  if (step.op == "offline") return "while unmounted, in " + word(step.args.at("offline"));
  if (step.op == "overlay") return overlay_in_words(step.args);
  if (step.op == "inside") return "in the overlay " + word(step.args.at("inside"));
  if (step.op == "tree") return "look at " + word(step.args.at("tree"));
  if (step.op == "volume") return "bind-mount a volume over " + word(step.args.at("volume"));
  if (step.op == "backing") return backing_in_words(step.args);
  if (step.op == "parallel") return "at the same time";
  return "";
}

}  // namespace

std::string describe(const Step& step) {
  std::string words = harness_step_in_words(step);
  const Operation* operation = find_operation(step.op);
  if (words.empty() && operation) {
    const std::string operand = operand_in_words(step, operation->operand);
    words = step.op + (operand.empty() || operand == "true" ? "" : " " + operand);
    for (const std::string_view member : operation->members)
      if (const auto value = step.args.find(std::string(member)); value != step.args.end())
        words += " " + member_in_words(std::string(member), *value);
  }
  if (const auto at = step.args.find("at"); at != step.args.end()) words += ", from " + word(*at);
  if (!step.as.empty()) words += ", as " + step.as;
  return step.actor.empty() ? words : step.actor + ": " + words;
}

}  // namespace ovlcheck
