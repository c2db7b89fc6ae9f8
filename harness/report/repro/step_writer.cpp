#include "harness/report/repro/step_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/case/vocabulary.h"
#include "harness/judge/invariants.h"
#include "harness/report/repro/python_text.h"
#include "harness/report/repro/shell_text.h"
#include "harness/run/other_overlays.h"

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

class StepWriter {
 public:
  StepWriter(const Case& c, const ReproSubject& subject) : case_(c), subject_(subject), options_(c.mount) {
    dirs_.path = "{DIR}";
    for (size_t i = 0; i < c.lowers.size(); ++i) dirs_.lowers.push_back(lower_name(c, i));
    for (size_t i = 0; i < c.data.size(); ++i) dirs_.data.push_back(fmt::format("data{}", i));
    if (c.upper) dirs_.upper = "upper", dirs_.work = "work";
    all_layers_ = dirs_;
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
      write(steps[i], fmt::format("{}. ", i + 1));
    }
    if (any_step(steps, [](const Step& step) { return step.op == "backing"; })) line("backing(\"normal\")");
    finish();
    return std::move(written_);
  }

 private:
  void need(const std::string& section) { written_.sections.insert(section); }

  void line(const std::string& text) { written_.body += std::string(indent_, ' ') + text + "\n"; }

  // The directory of a layer: "lower[0]" -> "lower0". Of merged it is the name, which functions know.
  std::string directory_of(const std::string& layer) const {
    if (layer.ends_with("merged")) return layer;
    const size_t dot = layer.find('.');
    const auto other = others_.find(layer.substr(0, dot));
    const bool of_another = dot != layer.npos && other != others_.end();
    const auto directory =
        layer_directory(of_another ? other->second : all_layers_, of_another ? layer.substr(dot + 1) : layer);
    if (!directory) throw BadCase("", "there is no layer " + layer);
    return *directory;
  }

  std::string mount_call() const { return "mount(" + subject_.mount_arguments(dirs_, options_) + ")"; }

  // ---- steps
  void write(const Step& step, const std::string& number) {
    written_.body += "\n";
    if (const auto note = step.args.find("note"); note != step.args.end() && note->is_string())
      line("# " + note->get<std::string>());
    const std::string words = python_text(number + describe(step));
    const std::string expected = python_text(step.expect.is_null() ? "" : describe_expectation(step.expect));
    if (step.op == "mount" || step.op == "remount") return mount_step(step, words, expected);
    if (step.op == "overlay") return overlay_step(step, words, expected);
    if (step.op == "inside") return inside_step(step, number, words);
    if (step.op == "umount") return umount_step(step, words, expected);
    if (step.op == "offline") return offline_step(step, number, words, expected);
    if (step.op == "tree") return tree_step(step, words);
    if (step.op == "parallel") return parallel_step(step, number, words);
    if (step.op == "backing") return backing_step(step, words);
    if (step.op == "volume") volume_tree(step);
    line(fmt::format("step({}, {},", words, expected));
    line(fmt::format("     lambda: {}{}{})", call(step), expectation(step), manner(step)));
  }

  static std::string expectation(const Step& step) {
    return step.expect == "ok" ? "" : ", expect=" + python_literal(step.expect);
  }

  static std::string mounting_manner(const Step& step) {
    return expectation(step) + (step.copies_up ? ", copies_up=True" : "");
  }

  // Who does it, what it is called, and what it may do.
  static std::string manner(const Step& step) {
    std::string text;
    if (!step.actor.empty()) text += ", actor=" + python_text(step.actor);
    if (!step.as.empty()) text += ", name=" + python_text(step.as);
    if (step.copies_up) text += ", copies_up=True";
    if (grants_privilege(step)) text += ", grants=1";
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
    line(fmt::format("         lambda: {}{})", how, mounting_manner(step)));
  }

  void umount_step(const Step& step, const std::string& words, const std::string& expected) {
    const Json& which = step.args.at("umount");
    const std::string how =
        which.is_string() ? "lambda: umount_other(" + python_literal(which) + ")" : "take_down";
    line(fmt::format("mounting({}, {}, {}{})", words, expected, how, mounting_manner(step)));
  }

  void overlay_step(const Step& step, const std::string& words, const std::string& expected) {
    if (!subject_.has_layers()) throw BadCase(step.where, "a plain directory keeps no layers to mount again");
    need("others");
    const std::string name = step.args.at("overlay").get<std::string>();
    LayerDirs dirs;
    dirs.path = dirs_.path;
    dirs.merged = name + ".merged";
    std::vector<std::string> commands;
    for (const Json& lower : step.args.at("lower"))
      dirs.lowers.push_back(
          layer_for_other(lower, fmt::format("{}.lower{}", name, dirs.lowers.size()), commands));
    const Json upper = step.args.value("upper", Json::object());
    if (!upper.is_null()) {
      dirs.upper = layer_for_other(upper, name + ".upper", commands);
      dirs.work = layer_for_other(step.args.value("work", Json::object()), name + ".work", commands);
    }
    shell(commands);
    const Options options = changed_options({}, step.args.value("mount", Json::object()), step.where);
    line(fmt::format("mounting({}, {},", words, expected));
    line(fmt::format("         lambda: overlay({}, {}){})", python_text(name),
                     subject_.mount_arguments(dirs, options), mounting_manner(step)));
    others_[name] = std::move(dirs);
  }

  // The directory of a layer of another overlay: built by `commands` if it is a tree, else the one it names.
  std::string layer_for_other(const Json& layer, const std::string& own_name,
                              std::vector<std::string>& commands) {
    if (layer.is_object()) {
      add_new_directory(own_name, encoded(tree_from_json(layer, "")), commands);
      return own_name;
    }
    const std::string path = bytes_from_text(layer.get<std::string>());
    const size_t slash = std::min(path.find('/'), path.size());
    return directory_of(path.substr(0, slash)) + path.substr(slash);
  }

  static void add_new_directory(const std::string& name, const Tree& raw, std::vector<std::string>& lines) {
    const BuildCommands commands = build_commands(raw, name);
    lines.push_back("mkdir " + name);
    lines.insert(lines.end(), commands.nodes.begin(), commands.nodes.end());
    lines.push_back("find " + name + " -depth -exec touch -h -d @1000000000 {} +");
    lines.insert(lines.end(), commands.times.begin(), commands.times.end());
  }

  void inside_step(const Step& step, const std::string& number, const std::string& words) {
    line(fmt::format("print(\"         \", {})", words));
    line(fmt::format("inside({})", python_literal(step.args.at("inside"))));
    for (size_t i = 0; i < step.tracks.at(0).size(); ++i)
      write(step.tracks[0][i], fmt::format("{}{}. ", number, i + 1));
    line("outside()");
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

  void backing_step(const Step& step, const std::string& words) {
    need("backing");
    line(fmt::format("print(\"         \", {})", words));
    line(fmt::format("backing({}, {})", python_text(step.args["backing"].get<std::string>()),
                     step.args.value("free", 0)));
  }

  void volume_tree(const Step& step) {
    need("volume");
    const std::string source = fmt::format("volume{}", volumes_);
    std::vector<std::string> lines;
    add_new_directory(source, tree_from_json(step.args.value("tree", Json::object()), step.where + "/tree"),
                      lines);
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

  bool names_descriptor(const Json& value) const {
    return any_step(case_.steps, [&](const Step& step) {
      const bool opens = step.op == "open" || step.op == "tmpfile" || step.op == "open_by_handle";
      return opens && Json(step.as) == value;
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

  void finish() {
    const bool revealed = std::any_of(case_.steps.begin(), case_.steps.end(), reveals_names);
    written_.body += "\n";
    line(fmt::format("finish({}{})", after_choice(case_.after), revealed ? ", reveals=True" : ""));
  }

  const Case& case_;
  const ReproSubject& subject_;
  Options options_;
  LayerDirs dirs_;                           // as they are mounted now
  LayerDirs all_layers_;                     // in the case's own order
  std::map<std::string, LayerDirs> others_;  // other overlays by name
  WrittenSteps written_;
  size_t volumes_ = 0;
  size_t indent_ = 4;
};

}  // namespace

std::string lower_name(const Case& c, size_t i) {
  return fmt::format("{}{}", c.lowers.size() > 200 ? "l" : "lower", i);
}

WrittenSteps write_steps(const Case& c, const ReproSubject& subject) {
  return StepWriter(c, subject).write();
}

}  // namespace ovlcheck
