#include "harness/report/repro/step_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"
#include "harness/ops/credentials.h"
#include "harness/report/repro/python_text.h"
#include "harness/report/repro/shell_text.h"

namespace ovlcheck {
namespace {

// Which constants a member holds, "" = it is no flag. `mode` is octal unless it is one of these.
std::string constant_kind(const std::string& op, std::string_view member) {
  if (member == "flags") {
    if (op == "rename" || op == "statx" || op == "link" || op == "access") return op == "rename" ? op : "at";
    if (op == "mmap") return "map";
    if (op == "setflags") return "fsflag";
    return op.find("setxattr") != std::string::npos ? "xattr" : "open";
  }
  if (member == "mode") return op == "fallocate" || op == "access" ? op : "";
  if (member == "type") return op == "fcntl_lock" || op == "lease" ? "lock" : "";
  if (member == "op") return "lock";
  if (member == "mask") return "inotify";
  if (member == "resolve" || member == "prot" || member == "whence") return std::string(member);
  return "";
}

// "lower[0]" -> "lower0".
std::string directory_of(const std::string& layer) {
  std::string name = layer;
  std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
  return name;
}

bool has_set_id(const Json& args) {
  const auto mode = args.find("mode");
  if (mode == args.end() || !mode->is_string()) return false;
  const auto& text = mode->get_ref<const std::string&>();
  return text.size() >= 4 && text.find_first_not_of("01234567") == std::string::npos &&
         ((text[text.size() - 4] - '0') & 06) != 0;
}

// Can the step give one more file set-id bits or capabilities?
bool grants(const Step& step) {
  if (step.op == "link" || step.op == "flink") return true;
  if (step.op.find("setxattr") != std::string::npos)
    return step.args.value("name", "") == "security.capability";
  return has_set_id(step.args);
}

class StepWriter {
 public:
  StepWriter(const Case& c, const ReproSubject& subject) : case_(c), subject_(subject), options_(c.mount) {
    dirs_.path = "{DIR}";
    for (size_t i = 0; i < c.lowers.size(); ++i) dirs_.lowers.push_back(fmt::format("lower{}", i));
    for (size_t i = 0; i < c.data.size(); ++i) dirs_.data.push_back(fmt::format("data{}", i));
    if (c.upper) dirs_.upper = "upper", dirs_.work = "work";
    need("steps");
    need("trees");
    need("end");
    need(subject.is_kernel() ? "mount-kernel" : subject.descriptor() ? "mount-program" : "mount-plain");
    need(subject.dialect_name() == "fuse-overlayfs" || subject.dialect_name() == "aufs"
             ? "marks-wh"
             : "marks-" + subject.dialect_name());
  }

  WrittenSteps write() {
    if (!case_.actors.empty()) need("actors");
    line("watch()");
    if (case_.mounted) {
      line(fmt::format("mounting(\"mount the layers\", \"must succeed\", lambda: {}) or verdict()",
                       mount_call()));
      line("watch()");
    }
    const auto& steps = case_.steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      const bool mounts = steps[i].op == "mount" || steps[i].op == "remount" || steps[i].op == "offline";
      write(steps[i], fmt::format("{}. ", i + 1));
      if (mounts && i + 1 < steps.size() && needs_mount(steps[i + 1])) line("still_mounted()");
    }
    finish();
    return std::move(written_);
  }

 private:
  void need(const std::string& section) { written_.sections.insert(section); }

  void line(const std::string& text) { written_.body += std::string(indent_, ' ') + text + "\n"; }

  std::string mount_call() const { return "mount(" + subject_.mount_arguments(dirs_, options_) + ")"; }

  static bool needs_mount(const Step& step) {
    if (step.op == "tree") return step.args.at("tree") == "merged";
    return step.op != "mount" && step.op != "umount" && step.op != "remount" && step.op != "offline";
  }

  // ---- steps
  void write(const Step& step, const std::string& number) {
    written_.body += "\n";
    if (const auto note = step.args.find("note"); note != step.args.end() && note->is_string())
      line("# " + note->get<std::string>());
    const std::string words = python_text(number + describe(step));
    const std::string expected = python_text(step.expect.is_null() ? "" : describe_expectation(step.expect));
    if (step.op == "mount" || step.op == "remount") return mount_step(step, words, expected);
    if (step.op == "umount")
      return line(fmt::format("mounting({}, {}, take_down{})", words, expected, expectation(step)));
    if (step.op == "offline") return offline_step(step, number, words, expected);
    if (step.op == "tree") return tree_step(step, words);
    if (step.op == "parallel") return parallel_step(step, number, words);
    if (step.op == "volume") volume_tree(step);
    line(fmt::format("step({}, {},", words, expected));
    line(fmt::format("     lambda: {}{}{})", call(step), expectation(step), manner(step)));
  }

  static std::string expectation(const Step& step) {
    return step.expect == "ok" ? "" : ", expect=" + python_literal(step.expect);
  }

  // Who does it, what it is called, and what it may do.
  static std::string manner(const Step& step) {
    std::string text;
    if (!step.actor.empty()) text += ", actor=" + python_text(step.actor);
    if (!step.as.empty()) text += ", name=" + python_text(step.as);
    if (step.copies_up) text += ", copies_up=True";
    if (grants(step)) text += ", grants=1";
    return text;
  }

  void mount_step(const Step& step, const std::string& words, const std::string& expected) {
    const Json& change = step.args.at(step.op);
    if (change.is_object()) options_ = changed_options(options_, change, step.where);
    if (step.args.contains("order")) {
      if (!subject_.has_layers()) throw BadCase(step.where, "a plain directory keeps no layers to reorder");
      const auto all = dirs_.lowers;
      dirs_.lowers.clear();
      for (const Json& index : step.args["order"]) dirs_.lowers.push_back(all.at(index.get<size_t>()));
    }
    const std::string how = step.op == "mount" ? mount_call() : "re" + mount_call();
    line(fmt::format("mounting({}, {},", words, expected));
    line(fmt::format("         lambda: {}{})", how, expectation(step)));
  }

  void offline_step(const Step& step, const std::string& number, const std::string& words,
                    const std::string& expected) {
    if (!subject_.has_layers()) throw BadCase(step.where, "a plain directory keeps no layers to change");
    need("offline");
    const std::string layer = directory_of(step.args.at("offline").get<std::string>());
    line(fmt::format("print(\"         \", {})", words));
    line(fmt::format("offline_begin(\"{}\")", layer));
    if (step.args.contains("tree"))
      shell(add_commands(encoded(tree_from_json(step.args["tree"], step.where + "/tree")), layer));
    else
      for (size_t i = 0; i < step.tracks.at(0).size(); ++i)
        write(step.tracks[0][i], fmt::format("{}{}. ", number, i + 1));
    line("if offline_end():");
    line(fmt::format("    mounting({}, {}, lambda: {}{})", python_text(number + "mount again"), expected,
                     mount_call(), expectation(step)));
  }

  void tree_step(const Step& step, const std::string& words) {
    const std::string layer = step.args.at("tree").get<std::string>();
    if (!subject_.has_layers() && layer != "merged") return;
    line(fmt::format("look({}, \"{}\", {})", words, directory_of(layer),
                     tree_choice(step.expect, step.where)));
  }

  void parallel_step(const Step& step, const std::string& number, const std::string& words) {
    need("parallel");
    line(fmt::format("parallel({},", words));
    for (size_t t = 0; t < step.tracks.size(); ++t) {
      const char track = static_cast<char>('a' + t % 26);
      line("    [");
      for (size_t i = 0; i < step.tracks[t].size(); ++i) {
        const Step& inner = step.tracks[t][i];
        if (inner.op == "barrier") {
          line("        " + python_text(inner.args.at("barrier").get<std::string>()) + ",  # all meet here");
          continue;
        }
        line(fmt::format("        dict(words={}, expected={},",
                         python_text(fmt::format("{}{}{}. {}", number, track, i + 1, describe(inner))),
                         python_text(describe_expectation(inner.expect))));
        line(fmt::format("             do=lambda: {}{}{}),", call(inner), expectation(inner), manner(inner)));
      }
      line("    ],");
    }
    line(")");
  }

  void volume_tree(const Step& step) {
    need("volume");
    const std::string source = fmt::format("volume{}", volumes_);
    std::vector<std::string> lines = {"mkdir " + source};
    if (step.args.contains("tree")) {
      auto commands = build_commands(tree_from_json(step.args["tree"], step.where + "/tree"), source);
      lines.insert(lines.end(), commands.nodes.begin(), commands.nodes.end());
      lines.push_back("find " + source + " -depth -exec touch -h -d @1000000000 {} +");
      lines.insert(lines.end(), commands.times.begin(), commands.times.end());
    }
    shell(lines);
  }

  void shell(const std::vector<std::string>& lines) {
    need("shell");
    if (lines.empty()) return;
    line("shell(");
    for (const std::string& one : lines) line("    " + python_text(text_from_bytes(one)) + ",");
    line(")");
  }

  Tree encoded(const Tree& meaning) const { return subject_.dialect().encode(meaning); }

  // ---- operations
  std::string call(const Step& step) {
    if (step.op == "volume")
      return fmt::format("volume({}, \"volume{}\")", python_text(step.args["volume"].get<std::string>()),
                         volumes_++);
    const Operation* operation = find_operation(step.op);
    if (!operation || operation->of_the_harness)
      throw BadCase(step.where, "\"" + step.op + "\" cannot be done by a script at this place");
    need(step.op == "run" ? "run-program" : step.op);
    if (step.op == "statx" || step.op == "getflags") name_constants(step.op == "statx" ? "statx" : "fsflag");
    std::string arguments = operand(step, operation->operand);
    for (const std::string_view member : operation->members)
      if (const auto value = step.args.find(std::string(member)); value != step.args.end())
        arguments += fmt::format(", {}={}", member, member_value(step.op, member, *value));
    if (const auto at = step.args.find("at"); at != step.args.end()) arguments += ", at=" + descriptor(*at);
    if (!step.as.empty() && gives_a_name(step.op)) arguments += ", keep_as=" + python_text(step.as);
    return step.op + "(" + arguments + ")";
  }

  // Does `as` name something that stays in the process, besides the result?
  static bool gives_a_name(const std::string& op) {
    for (const char* one :
         {"open", "tmpfile", "open_by_handle", "inotify", "mmap", "readdir", "name_to_handle"})
      if (op == one) return true;
    return false;
  }

  static std::string descriptor(const Json& name) { return "fd(" + python_literal(name) + ")"; }

  bool names_descriptor(const Json& value) const { return names_descriptor(case_.steps, value); }

  static bool names_descriptor(const std::vector<Step>& steps, const Json& value) {
    return std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
      const bool opens = step.op == "open" || step.op == "tmpfile" || step.op == "open_by_handle";
      return (opens && Json(step.as) == value) ||
             std::any_of(step.tracks.begin(), step.tracks.end(),
                         [&](const auto& track) { return names_descriptor(track, value); });
    });
  }

  std::string operand(const Step& step, Operand kind) const {
    const Json& value = step.args.at(step.op);
    switch (kind) {
      case Operand::descriptor:
        return step.op == "close" ? python_literal(value) : descriptor(value);
      case Operand::path_or_descriptor:
        return names_descriptor(value) ? descriptor(value) : python_literal(value);
      case Operand::paths:
        return python_literal(value.at(0)) + ", " + python_literal(value.at(1));
      case Operand::descriptors:
        return descriptor(value.at(0)) + ", " + descriptor(value.at(1));
      case Operand::descriptor_and_path:
        return descriptor(value.at(0)) + ", " + python_literal(value.at(1));
      default:
        break;
    }
    if (step.op == "events") return descriptor(value);
    if (step.op == "umask") return octal(value);
    return python_literal(value);
  }

  static std::string octal(const Json& text) {
    return fmt::format("0o{:o}", std::stoul(text.get<std::string>(), nullptr, 8));
  }

  std::string member_value(const std::string& op, std::string_view member, const Json& value) {
    const std::string kind = constant_kind(op, member);
    if (!kind.empty()) return flags(kind, value.get<std::string>());
    if (member == "mode") return octal(value);
    return python_literal(value);
  }

  // "O_RDWR|O_CREAT" -> "O_RDWR | O_CREAT", with each name defined.
  std::string flags(const std::string& kind, const std::string& text) {
    std::string expression;
    for (size_t at = 0; at <= text.size();) {
      const size_t bar = std::min(text.find('|', at), text.size());
      const std::string name = text.substr(at, bar - at);
      expression += (expression.empty() ? "" : " | ") + name;
      const bool named = !name.empty() && std::isalpha(static_cast<unsigned char>(name[0]));
      if (named)
        written_.constants[name] = kind == "open" ? "os." + name : fmt::format("{:#x}", constant(kind, name));
      at = bar + 1;
    }
    return expression;
  }

  // The names of all flags of that kind, for what a step sees.
  void name_constants(const std::string& kind) {
    std::string table;
    for (const std::string_view name : constant_names(kind, ~0UL))
      table += fmt::format("{}\"{}\": {:#x}", table.empty() ? "" : ", ", name, constant(kind, name));
    written_.constants[kind == "statx" ? "STATX_NAMES" : "FSFLAG_NAMES"] = "{" + table + "}";
  }

  // ---- the end
  std::string tree_choice(const Json& expect, const std::string& where) {
    if (!expect.is_object()) return "None";
    if (!expect.contains("if") || !expect.contains("then"))
      return python_tree(tree_from_json(expect, where), indent_);
    const std::string otherwise = expect.contains("else") ? tree_choice(expect["else"], where) : "None";
    return fmt::format("choose({}, {}, {})", python_literal(expect["if"]), tree_choice(expect["then"], where),
                       otherwise);
  }

  std::string after_choice(const Json& after) {
    if (!after.is_object()) return "None";
    if (after.contains("if") && after.contains("then"))
      return fmt::format("choose({}, {}, {})", python_literal(after["if"]), after_choice(after["then"]),
                         after.contains("else") ? after_choice(after["else"]) : "None");
    std::string text = "{\n";
    indent_ += 4;
    for (const auto& [layer, tree] : after.items()) {
      if (!subject_.has_layers() && layer != "merged") continue;
      text += fmt::format("{}\"{}\": {},\n", std::string(indent_, ' '), directory_of(layer),
                          python_tree(tree_from_json(tree, "/after/" + layer), indent_));
    }
    indent_ -= 4;
    return text + std::string(indent_, ' ') + "}";
  }

  static bool reveals(const Step& step) {
    if (step.op == "offline" || step.op == "volume") return true;
    return (step.op == "mount" || step.op == "remount") && step.args.contains("order");
  }

  void finish() {
    const bool revealed = std::any_of(case_.steps.begin(), case_.steps.end(), reveals);
    written_.body += "\n";
    line(fmt::format("finish({}{})", after_choice(case_.after), revealed ? ", reveals=True" : ""));
  }

  const Case& case_;
  const ReproSubject& subject_;
  Options options_;
  LayerDirs dirs_;
  WrittenSteps written_;
  size_t volumes_ = 0;
  size_t indent_ = 4;
};

}  // namespace

WrittenSteps write_steps(const Case& c, const ReproSubject& subject) {
  return StepWriter(c, subject).write();
}

}  // namespace ovlcheck
