#include "harness/run/stage.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "adapters/adapter.h"
#include "harness/case/problem.h"
#include "harness/cli/commands.h"
#include "harness/ops/directory.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {
namespace {

struct StageOptions {
  CaseSelection selection;
  std::vector<std::string> lowers;
  std::string upper;
  std::string subject = "kernel";
};

// A new, empty layer; what a run has left behind would be taken for what was staged.
Fd open_layer(const std::string& path) {
  Fd fd = open_stage_directory(path);
  const auto entries = read_directory(fd.get());
  if (!entries || !entries->empty())
    throw BadCase("", path + " is not an empty directory; every layer has to be a new one");
  return fd;
}

int stage(const StageOptions& options) {
  const std::vector<Case> cases = options.selection.load();
  std::vector<Fd> lowers;
  for (const std::string& lower : options.lowers) lowers.push_back(open_layer(lower));
  const Fd upper = open_layer(options.upper);
  Environment environment;
  environment.privilege = is_real_root() ? "root" : "userns";
  const auto adapter = make_adapter(parse_subject(options.subject), environment);
  if (!adapter->has_layers()) throw BadCase("", options.subject + " keeps no layers that could be staged");

  size_t staged = 0;
  std::map<std::string, size_t> left_out;
  for (const Case& c : cases) {
    auto why = needs_own_mount(c);
    if (!why) why = build_staged(c, adapter->dialect(), upper, lowers);
    why ? ++left_out[*why] : ++staged;
  }
  fmt::print("{} of {} cases staged, in directories of their own in every layer\n", staged, cases.size());
  for (const auto& [why, count] : left_out) fmt::print("  {:4} left out: {}\n", count, why);
  std::string known;
  for (const std::string& lower : options.lowers) known += " --lower " + lower;
  fmt::print("Mount them, then: ovlcheck run --attach MERGED --upper {}{} --subject {}\n", options.upper,
             known, options.subject);
  return staged > 0 ? kAsExpected : kBadInput;
}

}  // namespace

void add_stage(CLI::App& app, int& status) {
  auto options = std::make_shared<StageOptions>();
  auto* command = app.add_subcommand(
      "stage", "Lay out all cases as subtrees of layers, for a mount that is made by hand (`run --attach`)");
  command
      ->add_option("--lower", options->lowers,
                   "Empty directory for a lower layer, the topmost first; may be repeated")
      ->required()
      ->type_name("DIR");
  command->add_option("--upper", options->upper, "Empty directory for the upper layer")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--subject", options->subject,
                   "What will mount them: decides how whiteouts and marks are written")
      ->capture_default_str()
      ->type_name("NAME");
  options->selection.add_options(*command);
  command->callback([options, &status] { status = stage(*options); });
}

}  // namespace ovlcheck
