#include "harness/report/repro/repro.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "harness/case/layout.h"
#include "harness/case/print.h"
#include "harness/case/problem.h"
#include "harness/judge/invariants.h"
#include "harness/ops/credentials.h"
#include "harness/report/repro/library.h"
#include "harness/report/repro/python_text.h"
#include "harness/report/repro/repro_subject.h"
#include "harness/report/repro/script_text.h"
#include "harness/report/repro/shell_text.h"
#include "harness/report/repro/step_writer.h"
#include "harness/run/requirements.h"

namespace ovlcheck {
namespace {

constexpr const char* kEndOfPython = "END_OF_PYTHON";

std::string as_comment(const std::string& text) {
  std::string comment;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) comment += line.empty() ? "#\n" : "# " + line + "\n";
  return comment;
}

class ScriptWriter {
 public:
  ScriptWriter(const Case& c, const SubjectName& subject, const std::vector<Clause>& clauses)
      : case_(c), subject_(subject), clauses_(clauses), name_(subject) {
    if (const auto why = subject_.cannot(c))
      throw BadCase("", c.name() + " cannot be run on this subject: " + *why);
    if (!subject_.has_layers() && needs("layers"))
      throw BadCase("", c.name() + " needs layers, which a plain directory has not");
    before_ = flatten(c.upper ? &*c.upper : nullptr, c.lowers);
  }

  std::string write() {
    const WrittenSteps steps = write_steps(case_, subject_);
    const std::string layers = build_layers();
    return heading() + filled_start() + requirements(layers) + "\n# ---- The layers.\n" + layers +
           script_steps + fmt::format("<<'{}' || status=$?\n", kEndOfPython) + python(steps) + kEndOfPython +
           "\n" + script_end;
  }

 private:
  bool needs(const char* what) const {
    const auto& all = case_.requires_.needs;
    return std::find(all.begin(), all.end(), what) != all.end();
  }

  std::string subject_text() const {
    std::string text = name_.command.empty() ? name_.kind : "`" + name_.command + "`";
    const char* separator = ":";
    for (const auto& [option, value] : name_.options) {
      text += separator + option + (value.empty() ? "" : "=" + value);
      separator = ",";
    }
    return text;
  }

  // ---- comments
  std::string heading() const {
    std::string words = fmt::format("{} on {}\n\n", case_.name(), subject_text());
    append_wrapped(words, 0, case_.title + ".", 0);
    for (const std::string& id : case_.clauses) {
      const auto clause =
          std::find_if(clauses_.begin(), clauses_.end(), [&](const Clause& one) { return one.id == id; });
      if (clause == clauses_.end()) continue;
      words += "\n";
      append_wrapped(words, 0, "What is required (" + id + "): " + clause->text, 2);
      append_wrapped(words, 2, "Source: " + clause->source, 2);
    }
    words += "\nThe case in words:\n\n" + describe(case_);
    return "#!/bin/sh\n" + as_comment(words) + "#\n" + script_heading;
  }

  // ---- what must be there
  std::string filled_start() const {
    const std::string start = script_start, variable = "@USERNS@";
    std::string text = start;
    return text.replace(text.find(variable), variable.size(),
                        case_.requires_.privilege == "userns" ? "yes" : "no");
  }

  std::string requirements(const std::string& layers) const {
    std::string lines = "\n# ---- What must be there.\nneed python3 python3\n";
    auto program = [&lines](const std::string& name, const std::string& package) {
      lines += fmt::format("need {} {}\n", shell_word(name), shell_word(package.empty() ? "?" : package));
    };
    if (layers.find("setfattr ") != std::string::npos) program("setfattr", "attr");
    if (layers.find("setfacl ") != std::string::npos) program("setfacl", "acl");
    const Descriptor* descriptor = subject_.descriptor();
    if (descriptor) program(descriptor->mount.front(), descriptor->package);
    if (descriptor && descriptor->filesystem == "fuse")
      lines += "[ -c /dev/fuse ] && ( : <>/dev/fuse ) 2>/dev/null || cannot \"/dev/fuse cannot be opened\"\n";
    const std::string type = subject_.is_kernel()                             ? "overlay"
                             : descriptor && descriptor->filesystem != "fuse" ? descriptor->filesystem
                                                                              : "";
    if (!type.empty())
      lines += fmt::format(
          "grep -qw {0} /proc/filesystems || cannot \"this kernel has no {0} (modprobe {0})\"\n", type);
    std::set<std::string> run;
    for_each_step(case_.steps, [&](const Step& step) {
      if (step.op == "run") run.insert(step.args.at("run").at(0).get<std::string>());
    });
    for (const std::string& one : run)
      if (one.find('/') == std::string::npos) program(one, "");
    if (case_.requires_.privilege == "root")
      lines += "[ $privilege = root ] || cannot \"it needs real root: run it as root, without --userns\"\n";
    if (case_.requires_.privilege == "userns")
      lines += "[ $privilege = userns ] || cannot \"it is about user namespaces\"\n";
    if (needs_uids(case_))
      lines += "[ $ids -gt 1 ] || cannot \"it needs more than one user id: run it as root\"\n";
    for (const std::string& need : case_.requires_.needs)
      if (need.starts_with("fs:"))
        lines += fmt::format("[ $filesystem = {0} ] || cannot \"it needs a directory on {0}: --dir DIR\"\n",
                             need.substr(3));
    if (any_step(case_.steps, [](const Step& step) { return step.op == "backing"; }))
      lines +=
          "[ -z \"$base\" ] || cannot \"it changes the file system below, which must be its own: without "
          "--dir\"\n";
    if (needs("reflink"))
      lines +=
          "echo x >reflink && cp --reflink=always reflink reflink2 2>/dev/null || cannot \"$filesystem "
          "cannot share blocks: --dir DIR\"\nrm reflink reflink2\n";
    return lines;
  }

  // ---- layers
  std::string build_layers() const {
    std::vector<std::pair<std::string, Tree>> layers;
    if (!subject_.has_layers()) {
      layers.emplace_back("merged", before_);
    } else {
      for (size_t i = 0; i < case_.lowers.size(); ++i)
        layers.emplace_back(lower_name(case_, i), encoded(case_.lowers[i]));
      for (size_t i = 0; i < case_.data.size(); ++i)
        layers.emplace_back(fmt::format("data{}", i), encoded(case_.data[i]));
      if (case_.upper) layers.emplace_back("upper", encoded(*case_.upper));
    }
    std::string names, nodes, times;
    for (const auto& [name, tree] : layers) {
      names += " " + name;
      const BuildCommands commands = build_commands(tree, name);
      for (const std::string& line : commands.nodes) nodes += line + "\n";
      for (const std::string& line : commands.times) times += line + "\n";
    }
    const std::string others = subject_.has_layers() ? case_.upper ? " work merged" : " merged" : "";
    return "mkdir" + names + others + "\n" + nodes + "find" + names +
           " -depth -exec touch -h -d @1000000000 {} +\n" + times;
  }

  Tree encoded(const Tree& meaning) const { return subject_.dialect().encode(meaning); }

  // ---- Python
  std::string python(const WrittenSteps& steps) const {
    std::string text = "\ndef the_case():\n";
    if (tests_kernel())
      text += fmt::format(
          "    if not in_range(KERNEL, \"{0}\"):\n        raise Cannot(f\"it needs Linux {0}, this is "
          "{{KERNEL}}\")\n",
          case_.requires_.kernel);
    text += steps.body + "\n\n# ---- The functions used above; what follows is the same for all cases.\n";
    return text + python_sections(all_sections(steps)) + "\n# ---- What the case needs of them.\n" +
           settings(steps) + "attempt(the_case)\n";
  }

  bool tests_kernel() const { return !case_.requires_.kernel.empty() && subject_.is_kernel(); }

  std::set<std::string> all_sections(const WrittenSteps& steps) const {
    std::set<std::string> sections = steps.sections;
    if (tests_kernel()) sections.insert("kernel-range");
    if (has_conditions()) sections.insert("conditions");
    if (has_conditions() && subject_.is_kernel()) sections.insert("in-force");
    if (const Descriptor* descriptor = subject_.descriptor(); descriptor && !descriptor->unmount.empty())
      sections.insert("unmount-command");
    return sections;
  }

  bool has_conditions() const { return has_conditions(case_.json); }

  static bool has_conditions(const Json& json) {
    return json.is_structured() &&
           ((json.is_object() && json.contains("if")) ||
            std::any_of(json.begin(), json.end(), [](const Json& inner) { return has_conditions(inner); }));
  }

  std::string settings(const WrittenSteps& steps) const {
    std::string text = script_settings;
    auto set = [&text](const std::string& name, const std::string& value) {
      text += name + " = " + value + "\n";
    };
    // Subjects that are not the kernel are judged like a kernel newer than any.
    set("KERNEL", subject_.is_kernel() ? "os.uname().release" : "\"999999\"");
    if (has_conditions()) set("OPTIONS", subject_.options_in_force(case_.mount));
    std::string layers;
    if (subject_.has_layers()) {
      for (size_t i = 0; i < case_.lowers.size(); ++i)
        layers += fmt::format("\"{}\", ", lower_name(case_, i));
      for (size_t i = 0; i < case_.data.size(); ++i) layers += fmt::format("\"data{}\", ", i);
      if (case_.upper) layers += "\"upper\"";
    }
    set("LAYERS", "[" + layers + "]");
    set("PRIVILEGED_BEFORE", fmt::format("{}", privileged_allowed()));
    if (subject_.dialect_name() == "fuse-overlayfs" || subject_.dialect_name() == "aufs") {
      const bool fuse = subject_.dialect_name() == "fuse-overlayfs";
      set("CHAR_WHITEOUTS", fuse ? "True" : "False");
      set("XATTR_MARKS", fuse ? "[\"trusted.overlay.\", \"user.overlay.\", \"user.fuseoverlayfs.\"]" : "[]");
    }
    if (const Descriptor* descriptor = subject_.descriptor()) {
      if (!descriptor->environment.empty())
        text += "ENVIRONMENT.update(" + python_literal(Json(descriptor->environment)) + ")\n";
      if (!descriptor->unmount.empty()) set("UNMOUNT", subject_.unmount_arguments());
    }
    for (const auto& [name, actor] : case_.actors) text += actor_setting(name, actor);
    for (const auto& [name, value] : steps.constants) set(name, value);
    return text;
  }

  static std::string actor_setting(const std::string& name, const Actor& actor) {
    uint64_t caps = 0;
    for (const std::string& one : actor.caps) {
      const int number = capability_number(one);
      if (number < 0) throw BadCase("/actors/" + name, "unknown capability " + one);
      caps |= uint64_t{1} << number;
    }
    std::vector<gid_t> groups = actor.groups;
    std::sort(groups.begin(), groups.end());
    return fmt::format("ACTORS[{}] = dict(uid={}, gid={}, groups=[{}], caps={:#x}, umask=0o{:o}){}\n",
                       python_text(name), actor.uid, actor.gid, fmt::join(groups, ", "), caps, actor.umask,
                       actor.caps.empty() ? "" : fmt::format("  # {}", fmt::join(actor.caps, ", ")));
  }

  // Every program that a step runs may copy each of them.
  size_t privileged_allowed() const {
    size_t programs = 0;
    for_each_step(case_.steps,
                  [&](const Step& step) { programs += step.op == "run" || step.op == "execve"; });
    return privileged_files(before_).size() * (1 + programs);
  }

  const Case& case_;
  const ReproSubject subject_;
  const std::vector<Clause>& clauses_;
  const SubjectName& name_;
  Tree before_;  // the merged view of the layers
};

}  // namespace

std::string repro_script(const Case& c, const SubjectName& subject, const std::vector<Clause>& clauses) {
  return ScriptWriter(c, subject, clauses).write();
}

}  // namespace ovlcheck
